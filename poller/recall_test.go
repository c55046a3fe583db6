package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// TestRecall begins with clients that have a document and know a state from before. The same
// document is not published again, and they are told a state if it is another one.
func TestRecall(t *testing.T) {
	for _, test := range []struct {
		name   string
		newest string
		told   hub.State
		steps  []func() (poller.Reading, error)
		want   []message
	}{
		{"nothing", "", "", []func() (poller.Reading, error){gives(`1`)}, []message{data(0, `1`)}},
		{"the same", `{"a":1}`, hub.Live, []func() (poller.Reading, error){gives(` {"a": 1}`)}, nil},
		{"another", `2`, hub.Live, []func() (poller.Reading, error){gives(`1`)}, []message{data(0, `1`)}},
		{"the same, and stale", `1`, hub.Stale, []func() (poller.Reading, error){gives(`1`)}, []message{status(0, hub.Live, 0, 0, "")}},
		{"the same, and later another", `1`, "", []func() (poller.Reading, error){gives(`1`), gives(`2`)}, []message{data(every, `2`)}},
		{"stale already", `1`, hub.Stale, []func() (poller.Reading, error){fails}, nil},
		{"down, and not yet again", `1`, hub.Down, []func() (poller.Reading, error){fails}, []message{status(0, hub.Stale, 0, -1, "error")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				start(t, p, script(test.steps...), func(o *poller.Options) {
					o.Newest = func(string) *hub.Event {
						if test.newest == "" {
							return nil
						}
						return eventOf(t, test.newest)
					}
					o.Told = func(string) hub.Status { return hub.Status{State: test.told} }
				})
				time.Sleep(2 * every)
				synctest.Wait()
				if diff := cmp.Diff(test.want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
			})
		})
	}
}

// eventOf returns a document as a hub has it.
func eventOf(t *testing.T, document string) *hub.Event {
	t.Helper()
	id, err := hub.NewID("before", 1)
	if err != nil {
		t.Fatal(err)
	}
	event, err := hub.NewEvent(id, time.Now(), hub.Message{Data: []byte(document)})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

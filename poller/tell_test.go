package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// TestTellFirst begins with clients that may know any state.
func TestTellFirst(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []func() (poller.Reading, error)
		idle  bool
		want  []message
	}{
		{"live", []func() (poller.Reading, error){gives(`1`)}, false, []message{
			data(0, `1`), status(0, hub.Live, 0, 0, ""),
		}},
		{"stale, live", []func() (poller.Reading, error){fails, gives(`1`)}, false, []message{
			status(0, hub.Stale, 0, -1, "error"),
			data(every, `1`), status(every, hub.Live, every, every, ""),
		}},
		{"nothing is known", []func() (poller.Reading, error){gives(`1`)}, true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				start(t, p, script(test.steps...), func(o *poller.Options) {
					o.Streams[0].TellFirst = true
					if test.idle {
						onDemand(o, newAudience(false))
					}
				})
				time.Sleep(10 * every)
				synctest.Wait()
				if diff := cmp.Diff(test.want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
			})
		})
	}
}

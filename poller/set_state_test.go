package poller_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// TestSetKeepsWhatClientsKnow changes a stream in each state. No status is repeated,
// and only a new success makes it live.
func TestSetKeepsWhatClientsKnow(t *testing.T) {
	worked := func(at time.Duration) bool { return at == 0 }
	stale := status(3*every, hub.Stale, 3*every, 0, "error")
	down := status(6*every, hub.Down, 6*every, 0, "error")
	for _, test := range []struct {
		name  string
		works func(at time.Duration) bool // of the old source
		at    time.Duration               // of the change
		next  []func() (poller.Reading, error)
		want  []message
	}{
		{"live, live", worked, every + 1, []func() (poller.Reading, error){gives(`1`)}, nil},
		{"live, stale, down", worked, every + 1, []func() (poller.Reading, error){fails}, []message{
			// As at the start of Run.
			status(4*every+1, hub.Stale, 4*every+1, 0, "error"),
			status(7*every+1, hub.Down, 7*every+1, 0, "error"),
		}},
		{"stale, live", worked, 4*every + 1, []func() (poller.Reading, error){gives(`1`)}, []message{
			stale, status(4*every+1, hub.Live, 4*every+1, 4*every+1, ""),
		}},
		{"stale, down", worked, 4*every + 1, []func() (poller.Reading, error){fails}, []message{
			stale, status(10*every+1, hub.Down, 10*every+1, 0, "error"),
		}},
		{"down, down, live", worked, 8*every + 1, []func() (poller.Reading, error){fails, gives(`2`)}, []message{
			stale, down,
			data(9*every+1, `2`), status(9*every+1, hub.Live, 9*every+1, 9*every+1, ""),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				polling, _ := start(t, p, newSource(func(_ context.Context, c call) (poller.Reading, error) {
					if test.works(c.at) {
						return reading(`1`), nil
					}
					return fails()
				}))
				time.Sleep(test.at)
				if _, err := polling.Set([]poller.Stream{{Source: script(test.next...), Every: every}}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * every)
				synctest.Wait()
				if diff := cmp.Diff(append([]message{data(0, `1`)}, test.want...), p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
			})
		})
	}
}

// TestSetInterruptsPublishing changes a stream while the publisher hangs: it may have
// stored the message, so the next one is published in any case.
func TestSetInterruptsPublishing(t *testing.T) {
	for _, test := range []struct {
		name  string
		works bool
		at    time.Duration
		want  []message
	}{
		{"a document", true, every, []message{data(0, `1`), data(every+1, `1`)}},
		{"a status", false, 3 * every, []message{data(0, `1`), status(3*every+1, hub.Stale, 3*every, 0, "error"), status(3*every+1, hub.Live, 3*every+1, 3*every+1, "")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				p.refuse = func(ctx context.Context, _ hub.Message) error {
					if time.Since(p.start) == test.at {
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				}
				polling, _ := start(t, p, newSource(func(_ context.Context, c call) (poller.Reading, error) {
					if c.n > 0 && !test.works {
						return fails()
					}
					return reading(fmt.Sprint(c.n + 1)), nil
				}))
				time.Sleep(test.at + 1)
				if _, err := polling.Set([]poller.Stream{{Source: script(gives(`1`)), Every: every}}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(every)
				synctest.Wait()
				if diff := cmp.Diff(test.want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
			})
		})
	}
}

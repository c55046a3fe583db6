package hub_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

// TestHammer runs publishers beside subscribers that join and leave. Every reader
// checks that it gets each event of its stream once and in order, through joins, slow
// ends and resumes. Run it with -race.
func TestHammer(t *testing.T) {
	const (
		publishers = 4
		each       = 2000
		readers    = 32
	)
	h, stop := runHub(t, hub.Options{History: publishers * each, Buffer: 1})

	var publishing, reading sync.WaitGroup
	done := make(chan struct{})
	for range readers {
		reading.Go(func() {
			if err := readAll(t, h); err != nil {
				t.Error(err)
			}
		})
	}
	// Subscribers that leave at once disturb the lists of subscriptions.
	var visiting sync.WaitGroup
	for range 4 {
		visiting.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{LastEventID: hub.ParseLastEventID("nonsense")})
				if err != nil {
					t.Errorf("visit: %v", err)
					return
				}
				s.Close()
				s.Close()
				runtime.Gosched() // on one processor, other goroutines would wait for this one
			}
		})
	}
	for p := range publishers {
		publishing.Go(func() {
			for i := range each {
				publish(t, h, "", fmt.Sprintf("[%d,%d]", p, i))
			}
		})
	}
	publishing.Wait()
	publish(t, h, "", `"end"`)
	reading.Wait()
	close(done)
	visiting.Wait()
	if stats := h.Stats(); stats.Subscribers != 0 || stats.Published != publishers*each+1 {
		t.Errorf("after all have left: %+v", stats)
	} else if stats.Slow == 0 || stats.Resumed == 0 {
		t.Errorf("nobody was slow: the test shows less than it should: %+v", stats)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// readAll reads the stream until its last event, and leaves and resumes at random.
func readAll(t *testing.T, h *hub.Hub) error {
	var last hub.ID
	s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{})
	if err != nil {
		return err
	}
	defer func() { s.Close() }()
	for {
		leaveAfter, left := rand.IntN(200), false
		for i, events := 0, s.Replay(); i <= leaveAfter; i++ {
			var e *hub.Event
			if len(events) > 0 {
				e, events = events[0], events[1:]
			} else {
				var ok bool
				if e, ok = <-s.Events(); !ok {
					break // slow
				}
			}
			if e.Kind() != hub.KindData {
				return fmt.Errorf("after %v came %s", last, e.Data())
			}
			if !last.IsZero() && e.ID().Seq() != last.Seq()+1 {
				return fmt.Errorf("after %v came %v", last, e.ID())
			}
			last = e.ID()
			if string(e.Data()) == `"end"` {
				return nil
			}
			if i == leaveAfter {
				s.Close()
				left = true
			}
		}
		if err := s.Err(); !left && !errors.Is(err, hub.ErrSlow) {
			return fmt.Errorf("subscription ended with %w", err)
		}
		var next *hub.Subscription
		if left || last.Seq()%2 == 0 {
			s.Close()
			next, err = h.Subscribe(t.Context(), hub.SubscribeOptions{LastEventID: last.LastEventID()})
		} else {
			next, err = s.Resume()
		}
		if err != nil {
			return err
		}
		s = next
	}
}

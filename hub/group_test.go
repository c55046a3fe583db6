package hub_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// An owner that serves its subscribers from one goroutine learns of every event, also
// of those that arrive while it calls Ready.
func TestGroupLearnsOfEveryEvent(t *testing.T) {
	const events, subscribers = 30_000, 3
	h, _ := runHub(t, hub.Options{Buffer: hub.MaxBuffer})
	g := h.NewGroup()
	last := make(map[*hub.Subscription]int)
	for range subscribers {
		s, err := g.Subscribe(t.Context(), hub.SubscribeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		last[s] = 0
	}
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for i := range events {
			if _, err := h.Publish(t.Context(), hub.Message{Data: []byte(strconv.Itoa(i + 1))}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer publishing.Wait()

	var ready []*hub.Subscription
	for done := 0; done < subscribers; {
		select {
		case <-g.Wake():
		case <-time.After(30 * time.Second):
			t.Fatalf("nobody is told any more, at %v of %d", last, events)
		}
		ready, _ = g.Ready(ready[:0])
		for _, s := range ready {
			more := true
			for more {
				select {
				case e, ok := <-s.Events():
					if !ok {
						t.Fatalf("ended: %v", s.Err())
					}
					last[s]++
					if want := fmt.Sprint(last[s]); string(e.Data()) != want {
						t.Fatalf("got %s, want %s", e.Data(), want)
					}
					if last[s] == events {
						done++
					}
				default:
					more = false
				}
			}
		}
	}
}

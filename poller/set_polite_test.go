package poller_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/poller"
)

// A program that began with one stream, asked at once, gets many by a reload. They are
// not asked at one instant.
func TestSetSpreadsAddedStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const streams = 50
		first := script(gives(`1`, ""))
		polling, stop := start(t, newPublisher(), first, func(o *poller.Options) {
			o.Spread = time.Hour
			o.Streams = []poller.Stream{{Name: "first", Source: first, Every: every, Revision: "1"}}
		})
		time.Sleep(time.Second)
		if asked := first.asked(); len(asked) != 1 || asked[0] != 0 {
			t.Errorf("one stream alone was asked at %v", asked)
		}
		set := []poller.Stream{{Name: "first", Source: script(gives(`1`, "")), Every: every, Revision: "1"}}
		var sources []*source
		for i := range streams {
			s := script(gives(`1`, ""))
			sources = append(sources, s)
			set = append(set, poller.Stream{Name: fmt.Sprintf("s%d", i), Source: s, Every: every})
		}
		if _, err := polling.Set(set); err != nil {
			t.Fatal(err)
		}
		time.Sleep(every)
		phases := make(map[time.Duration]bool)
		for _, s := range sources {
			asked := s.asked()
			if len(asked) == 0 || asked[0] >= streams*100*time.Millisecond {
				t.Fatalf("asked at %v", asked)
			}
			phases[asked[0]] = true
		}
		if len(phases) != streams {
			t.Errorf("%d phases, want %d", len(phases), streams)
		}
		stop()
	})
}

// The wait of an upstream holds even if another setting of the stream changes.
func TestSetKeepsTheWaitOfAnUpstream(t *testing.T) {
	for upstream, want := range map[string]time.Duration{"https://a.example": 30*time.Minute - time.Minute, "https://b.example": 0, "": 0} {
		synctest.Test(t, func(t *testing.T) {
			refuses := newSource(func(context.Context, call) (poller.Reading, error) {
				return poller.Reading{}, &poller.Error{Class: "http_429", Wait: 30 * time.Minute}
			})
			polling, stop := start(t, newPublisher(), refuses, func(o *poller.Options) {
				o.Streams = []poller.Stream{{Name: "a", Source: refuses, Every: every, Revision: "1", Upstream: "https://a.example"}}
			})
			time.Sleep(time.Minute)
			next := script(gives(`1`, ""))
			if _, err := polling.Set([]poller.Stream{{Name: "a", Source: next, Every: every, Revision: "2", Upstream: upstream}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if asked := next.asked(); len(asked) == 0 || asked[0] != want {
				t.Errorf("of %q the first fetch came after %v, want %v", upstream, asked[:min(1, len(asked))], want)
			}
			stop()
		})
	}
}

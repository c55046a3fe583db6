package poller_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// keyCounter is an upstream that knows when each key was asked for.
type keyCounter struct {
	start time.Time

	mu sync.Mutex
	at map[string][]time.Duration
}

func (k *keyCounter) FetchKeys(_ context.Context, keys []string, _ poller.Version) (poller.Reading, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at[keys[0]] = append(k.at[keys[0]], time.Since(k.start))
	return reading(fmt.Sprint(len(k.at[keys[0]]))), nil
}

func (k *keyCounter) asked(key string) []time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]time.Duration(nil), k.at[key]...)
}

// TestKeysOfSeveralNodes has clients of two nodes that listen to the same keys. One node asks
// for them, and when it stops, the other one goes on: each key is asked for within an interval
// and not all at once, and no client gets a document twice.
func TestKeysOfSeveralNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 8
		upstream := &keyCounter{start: time.Now(), at: map[string][]time.Duration{}}
		match, err := hub.NewKeyPattern("[0-9]+")
		if err != nil {
			t.Fatal(err)
		}
		c := newCluster(t, counting())
		c.stream = poller.Stream{Name: "default", Every: every, Keys: &poller.Keys{Source: struct{ poller.KeySource }{upstream}}}
		c.keys = &hub.KeyOptions{Match: match}
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		synctest.Wait()
		var listening []*hub.Subscription
		for i := range many {
			for _, n := range []*node{a, b} {
				s, err := n.hub.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{fmt.Sprintf("default/%d", i)}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(s.Close)
				listening = append(listening, s)
			}
		}
		time.Sleep(4*every + every/2)
		synctest.Wait()
		if status, known := b.StatusOf("default/0"); !known || status.Held || status.Node != "a" || status.State != hub.Live {
			t.Errorf("b knows %+v, %t", status, known)
		}
		before := make([]int, many)
		for i := range many {
			before[i] = len(upstream.asked(fmt.Sprint(i)))
			if before[i] < 4 || before[i] > 6 {
				t.Errorf("key %d was asked for %d times in four intervals", i, before[i])
			}
		}
		moved := time.Since(upstream.start)
		a.cancel()
		time.Sleep(every + every/2)
		synctest.Wait()
		first := map[time.Duration]bool{}
		for i := range many {
			asked := upstream.asked(fmt.Sprint(i))
			if len(asked) <= before[i] {
				t.Errorf("key %d was not asked for any more", i)
				continue
			}
			at := asked[before[i]] - moved
			if at > every {
				t.Errorf("key %d was asked for after %v", i, at)
			}
			first[at] = true
		}
		if len(first) < many/2 {
			t.Errorf("the keys were asked for at %d different times", len(first))
		}
		for i := 1; i < len(listening); i += 2 { // those of b
			last := ""
			for len(listening[i].Events()) > 0 {
				if text := string((<-listening[i].Events()).Data()); text == last {
					t.Errorf("%s came twice", text)
				} else {
					last = text
				}
			}
		}
	})
}

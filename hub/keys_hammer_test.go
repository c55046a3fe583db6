package hub_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// TestKeysHammer lets listeners come and go while keys end all the time, because they are
// idle for a moment or because there is room for few, and while one goroutine follows the
// demand. A listener gets each document of its key once and in order, or is told that some
// are gone; the demand ends where the keys do. Run it with -race.
func TestKeysHammer(t *testing.T) {
	for _, processors := range []int{1, runtime.GOMAXPROCS(0)} {
		t.Run(fmt.Sprintf("processors=%d", processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			hammerKeys(t)
		})
	}
}

const hammeredKeys = 8

func hammerKeys(t *testing.T) {
	const (
		listeners = 16
		visits    = 300
	)
	h, stop := runHub(t, hub.Options{
		Buffer: 2,
		Streams: []hub.StreamOptions{
			keyed(t, "k", "[0-9]", hub.KeyOptions{Max: hammeredKeys - 2, Idle: 50 * time.Microsecond, Pushed: true}),
			keyed(t, "other", "[0-9]", hub.KeyOptions{Idle: time.Nanosecond}),
		},
	})
	demand, err := h.Keys("other")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var background, listening sync.WaitGroup
	background.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			_, err := h.Publish(t.Context(), hub.Message{Stream: fmt.Sprint("k/", n%hammeredKeys), Data: fmt.Append(nil, n)})
			if err != nil && !errors.Is(err, hub.ErrTooManyKeys) {
				t.Error(err)
				return
			}
			runtime.Gosched()
		}
	})
	known := make(map[string]bool)
	background.Go(func() {
		for {
			select {
			case <-demand.Changed():
				follow(t, known, demand.Changes(nil))
			case <-done:
				return
			}
		}
	})
	for range listeners {
		listening.Go(func() {
			for range visits {
				if err := visitKey(t.Context(), h, fmt.Sprint("k/", rand.IntN(hammeredKeys)), fmt.Sprint("other/", rand.IntN(3))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	listening.Wait()
	close(done)
	background.Wait()
	deadline := time.Now().Add(patience)
	for statsOf(t, h, "k").Keys+statsOf(t, h, "other").Keys > 0 && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	follow(t, known, demand.Changes(nil))
	if len(known) > 0 {
		t.Errorf("the demand still has %v", known)
	}
	stats := h.Stats()
	for _, one := range stats.Streams {
		if one.Keys != 0 || one.Watched != 0 || one.Subscribers != 0 || one.HistoryLen != 0 || one.HistoryBytes != 0 {
			t.Errorf("after all have left: %+v", one)
		}
	}
	if k := stats.Streams[0]; stats.Subscribers != 0 || stats.HistoryBytes != 0 || k.EndedIdle == 0 || k.EndedRoom == 0 {
		t.Errorf("after all have left: %+v", stats)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// follow applies changes to what is known of each key: whether it has listeners.
func follow(t *testing.T, known map[string]bool, changes []hub.KeyChange) {
	for _, change := range changes {
		if _, isKnown := known[change.Name]; !change.Exists && !isKnown {
			t.Errorf("%s has gone, and has not come", change.Name)
		}
		if change.Exists {
			known[change.Name] = change.Listeners > 0
		} else {
			delete(known, change.Name)
		}
	}
}

// visitKey listens to a key for some documents, and to another key beside it.
func visitKey(ctx context.Context, h *hub.Hub, name, beside string) error {
	s, err := h.Subscribe(ctx, on(name, beside))
	if errors.Is(err, hub.ErrTooManyKeys) {
		runtime.Gosched()
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { s.Close() }()
	if !h.HasStream(name) || !h.HasStream(beside) {
		return fmt.Errorf("%s or %s does not exist while somebody listens", name, beside)
	}
	reader := keyReader{name: name, last: -1}
	for range rand.IntN(4) {
		if ended, err := reader.takeSome(s); !ended || err != nil {
			return err
		}
		if err := s.Err(); !errors.Is(err, hub.ErrSlow) {
			return err
		}
		if s, err = s.Resume(); err != nil {
			return err
		}
	}
	return nil
}

// keyReader checks the documents of one key: each is hammeredKeys more than the one
// before.
type keyReader struct {
	name string
	last int
}

func (r *keyReader) take(e *hub.Event) error {
	var n int
	if _, err := fmt.Sscan(string(e.Data()), &n); err != nil || e.Stream() != r.name {
		return fmt.Errorf("%s got %s of %s", r.name, e.Data(), e.Stream())
	}
	if r.last >= 0 && n != r.last+hammeredKeys {
		return fmt.Errorf("%s got %d after %d", r.name, n, r.last)
	}
	r.last = n
	return nil
}

// takeSome takes the documents that are ready, and reports whether the subscription has
// ended behind them.
func (r *keyReader) takeSome(s *hub.Subscription) (ended bool, err error) {
	for _, e := range s.Replay() {
		if err := r.take(e); err != nil {
			return false, err
		}
	}
	for {
		select {
		case e, ok := <-s.Events():
			if !ok {
				return true, nil
			}
			if err := r.take(e); err != nil {
				return false, err
			}
		case <-time.After(100 * time.Microsecond):
			return false, nil
		}
	}
}

package fanout_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// Each client that its writer has counts once for each event that it is written. One that
// has just come may get an event while it is handed over.
func TestDelaysAreCounted(t *testing.T) { everyWriter(t, testDelaysAreCounted) }

func testDelaysAreCounted(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish("0")
	var clients []*client
	for range 150 { // more than are served between two looks at the clock
		c := r.open(r.dial(), "")
		c.expect("0")
		clients = append(clients, c)
	}
	if n := noted(r.engine.Stats()); n != 0 {
		t.Errorf("%d delays before any event", n)
	}
	for _, document := range []string{"1", "2"} {
		r.publish(document)
		for _, c := range clients {
			c.expect(document)
		}
	}
	most := 2 * uint64(len(clients))
	r.await("noted", func(s fanout.Stats) bool { return noted(s) >= most/2 && s.DelaySum > 0 })
	if n := noted(r.engine.Stats()); n > most {
		t.Errorf("%d delays of %d writes", n, most)
	}
}

func noted(s fanout.Stats) (n uint64) {
	for _, count := range s.Delays {
		n += count
	}
	return n
}

// The delay is the time since the event was stored.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lateLog{Log: hub.NewMemoryLog(), by: 30 * time.Millisecond}
		r := newRig(t, hub.Options{Log: log}, fanout.Options{}, hubtest.NewPipeListener(), portable)
		defer r.stop()
		c := r.open(r.dial(), "")
		go r.publish("1")
		c.expect("1")
		synctest.Wait()
		var want [len(fanout.DelayBounds) + 1]uint64
		want[8] = 1 // up to 50 ms
		if s := r.engine.Stats(); s.Delays != want || s.DelaySum != log.by {
			t.Errorf("got %v, %v, want %v, %v", s.Delays, s.DelaySum, want, log.by)
		}
	})
}

// lateLog tells the hub late of its events.
type lateLog struct {
	hub.Log
	by time.Duration
}

// Tail implements [hub.Log].
func (l *lateLog) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	return l.Log.Tail(ctx, func(batch hub.Batch) error {
		if len(batch.Events) > 0 {
			time.Sleep(l.by)
		}
		return emit(batch)
	})
}

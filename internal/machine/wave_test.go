package machine

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWave(t *testing.T) {
	var w wave
	for i, step := range []struct {
		moved       int64
		clients     int
		lasts, over bool
	}{
		{0, 0, false, false},
		{49, 0, false, false},
		{-1, 0, false, false}, // a client that was let in and never served
		{50, 0, true, false},
		{6, 0, true, false},
		{5, 0, false, true},
		{0, 0, false, false},
		{-50, 0, true, false},
		{-5, 0, false, true},
		{50, 2_549, true, false},
		{26, 2_500, true, false},
		{25, 2_500, false, true},
		{50, 2_550, false, false},
		{379, 19_000, false, false}, // of which hundreds come and go each second, and a tick was late
		{380, 19_000, true, false},
		{191, 19_000, true, false},
		{190, 19_000, false, true},
	} {
		if over := w.tick(w.before+step.moved, step.clients); over != step.over || w.lasts != step.lasts {
			t.Errorf("step %d: lasts %v, over %v, want %v, %v", i, w.lasts, over, step.lasts, step.over)
		}
	}
}

// Clients that come and go at the same pace for ever are no wave.
func TestWaveThatDoesNotEnd(t *testing.T) {
	var w wave
	for tick := range 200 {
		if over := w.tick(w.before+100, 1000); over != (tick == waveLongest) || w.young() != (tick < waveLongest) {
			t.Fatalf("tick %d: young %v, over %v", tick, w.young(), over)
		}
	}
	if over := w.tick(w.before, 1000); !over {
		t.Error("its end is not noticed")
	}
	if w.tick(w.before+100, 1000); !w.young() {
		t.Error("the next one is not noticed")
	}
}

// Garbage is let lie while a wave of clients lasts, but not where there are so many
// that it would take too much. With TLS there is less of it then than usual.
func TestPatienceWithGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	percent := func() int {
		old := debug.SetGCPercent(100)
		debug.SetGCPercent(old)
		return old
	}
	usual := percent()
	for secure, during := range map[bool]int{false: 400, true: 75} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var count, clients atomic.Int64
			done := make(chan struct{})
			go func() {
				defer close(done)
				TuneGC(ctx, secure, func() (int64, int) { return count.Load(), int(clients.Load()) })
			}()
			for _, step := range []struct {
				moved, clients int64
				want           int
			}{
				{0, 0, usual},
				{49, 49, usual},
				{50, 99, during},
				{1000, 99_999, during},
				{1001, 100_000, usual},
				{1000, 99_999, during},
				{999, 99_999, usual},
			} {
				count.Add(step.moved)
				clients.Store(step.clients)
				time.Sleep(250 * time.Millisecond)
				synctest.Wait()
				if got := percent(); got != step.want {
					t.Errorf("%d have moved, and there are %d, with TLS %v: %d percent, want %d", step.moved, step.clients, secure, got, step.want)
				}
			}
			cancel()
			<-done
		})
	}
}

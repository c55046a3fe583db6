package fanout

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/hub/fanout/wheel"
)

// The ticks of a writer do not overflow, and nothing comes earlier or later because of that.
func TestWriterCountsItsTicksAnew(t *testing.T) {
	w := newIdleWriter(t, Options{Heartbeat: 5 * time.Second, Random: func() float64 { return 0.5 }})
	w.countsTo = 4 * wheel.Turn
	c, far := openWithSocket(t, w.engine)
	w.adopt(c)
	begin, endAt, silence := w.begin, c.endAt, c.silence
	if endAt < 10*w.countsTo {
		t.Fatalf("the stream ends in tick %d, before the ticks are counted anew a few times", endAt)
	}
	buf := make([]byte, 64<<10)
	ticks, heartbeats := uint32(0), uint32(0)
	for c.adopted && ticks <= endAt {
		ticks++
		w.advance(begin.Add(time.Duration(ticks) * w.tick))
		n, _ := unix.Read(far, buf) // without a heartbeat there is nothing
		heartbeats += uint32(bytes.Count(buf[:max(n, 0)], []byte(": hb")))
		if w.wheel.Now() >= w.countsTo {
			t.Fatalf("counted to %d", w.wheel.Now())
		}
	}
	if want := (endAt - 1) / silence; ticks != endAt || heartbeats != want {
		t.Errorf("ended in tick %d with %d heartbeats, want %d with %d", ticks, heartbeats, endAt, want)
	}
	if n := w.engine.Stats().Ended[ReasonAge]; n != 1 {
		t.Errorf("ended: %v", w.engine.Stats().Ended)
	}
}

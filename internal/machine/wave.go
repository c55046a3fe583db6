package machine

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// Each client that joins costs net/http some 25 kB for a moment. When many join
// at once, collecting that as eagerly as usual takes most of the processor, and
// what was needed at the peak stays with the process for minutes. So while a wave
// of clients joins the collector is told to take its time, and when it is over,
// or when a wave has left, the memory goes back to the system.
const (
	waveTick    = 250 * time.Millisecond
	waveBegins  = 50      // clients that come or go within a tick, and at least one of every waveShare
	waveEnds    = 5       // likewise; or half of that share
	waveShare   = 50      // of the clients that are there: with thousands, some hundreds a second are everyday life
	waveLongest = 120     // ticks: what lasts for longer than half a minute is no wave, and the garbage of all of it would stay
	waveLargest = 100_000 // clients, beyond which patience would cost too much memory
	wavePercent = 400     // of garbage, while a wave lasts
	waveSecure  = 75      // likewise, with TLS
)

// wave notices that many clients come or go. It is a plain data structure.
type wave struct {
	before int64 // the count at the tick before
	lasts  bool
	ticks  int // since it began
}

// young reports whether a wave lasts that is not too long.
func (w *wave) young() bool { return w.lasts && w.ticks < waveLongest }

// tick takes a count that changes by one with each client that comes or goes, in
// whichever direction, and the number of clients. It reports whether a wave has just
// ended, or lasted for too long.
func (w *wave) tick(count int64, clients int) (over bool) {
	moved := count - w.before
	if moved < 0 {
		moved = -moved
	}
	w.before = count
	w.ticks++
	share := int64(clients / waveShare)
	switch {
	case !w.lasts && moved >= max(waveBegins, share):
		w.lasts, w.ticks = true, 0
	case w.lasts && moved <= max(waveEnds, share/2):
		w.lasts = false
		return true
	}
	return w.lasts && w.ticks == waveLongest
}

// TuneGC makes the collector run less often while a wave of clients joins without TLS, and gives
// memory back after it, until ctx ends. moved returns a count that changes by one with
// each client that comes or goes, and the number of clients. TuneGC does nothing
// if the operator has set GOGC.
//
// With TLS the collector runs more often. A client keeps a dozen objects of its handshake
// then, which lie among others of the same sizes that it leaves: where those are collected
// late, the holes between objects in use stay. With 4,000 clients that made 2 kB each, and
// the collector takes 10 % of a join.
func TuneGC(ctx context.Context, secure bool, moved func() (count int64, clients int)) {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(waveTick)
	defer ticker.Stop()
	usual := debug.SetGCPercent(wavePercent) // there is no other way to ask
	defer debug.SetGCPercent(usual)
	debug.SetGCPercent(usual)
	debug.FreeOSMemory() // what start-up left
	during := wavePercent
	if secure {
		during = waveSecure
	}
	var w wave
	for changed := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		count, clients := moved()
		over := w.tick(count, clients)
		if wanted := w.young() && clients < waveLargest; wanted != changed {
			percent := usual
			if changed = wanted; changed {
				percent = during
			}
			debug.SetGCPercent(percent)
		}
		if over {
			runtime.GC() // what lies in a sync.Pool survives the first collection
			debug.FreeOSMemory()
		}
	}
}

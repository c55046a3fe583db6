package main

import (
	"context"
	"os"
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
	waveBegins  = 50      // clients that come or go within a tick
	waveEnds    = 5       // likewise
	waveLargest = 100_000 // clients, beyond which patience would cost too much memory
	wavePercent = 400     // of garbage, while a wave lasts
)

// rideWaves follows the number of clients that have joined and left, until ctx
// ends. It does nothing if the operator has set GOGC.
func rideWaves(ctx context.Context, moved func() (joinedOrLeft uint64, clients int)) {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(waveTick)
	defer ticker.Stop()
	usual := debug.SetGCPercent(wavePercent)
	debug.SetGCPercent(usual)
	before, _ := moved()
	for wave := false; ; {
		select {
		case <-ctx.Done():
			debug.SetGCPercent(usual)
			return
		case <-ticker.C:
		}
		now, clients := moved()
		switch {
		case !wave && now-before >= waveBegins:
			wave = true
			if clients < waveLargest {
				debug.SetGCPercent(wavePercent)
			}
		case wave && now-before <= waveEnds:
			wave = false
			debug.SetGCPercent(usual)
			debug.FreeOSMemory()
		}
		before = now
	}
}

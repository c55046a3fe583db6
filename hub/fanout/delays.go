package fanout

import (
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// DelayBounds divide Stats.Delays.
var DelayBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
}

// delays counts how long after the publication of an event clients were written to. It is
// safe for concurrent use.
type delays struct {
	counts [len(DelayBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

// note counts that so many clients have been served just now that were ready since an
// event was stored then. Of several events the oldest counts.
func (d *delays) note(since time.Time, served uint64) {
	if served == 0 || since.IsZero() {
		return
	}
	took := max(time.Since(since), 0) // another node may have stored it
	d.counts[hub.Place(took, DelayBounds[:])].Add(served)
	d.sum.Add(int64(took) * int64(served))
}

func (d *delays) addTo(stats *Stats) {
	for i := range d.counts {
		stats.Delays[i] = d.counts[i].Load()
	}
	stats.DelaySum = time.Duration(d.sum.Load())
}

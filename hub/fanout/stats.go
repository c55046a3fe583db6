package fanout

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// reasons are all reasons for which streams end. The counters have the same order.
var reasons = [...]EndReason{ReasonGone, ReasonSlow, ReasonLimit, ReasonAge, ReasonDrain, ReasonHub, ReasonError, ReasonRemoved, ReasonExpired}

// counters only rise.
type counters struct {
	deliveries   atomic.Uint64
	bytes        atomic.Uint64
	resubscribed atomic.Uint64
	handedOver   atomic.Uint64
	ended        [len(reasons)]atomic.Uint64
	resets       [5]atomic.Uint64 // in the order of hub.ResetReasons
	delays       delays
}

func (c *counters) end(reason EndReason) {
	for i := range reasons {
		if reasons[i] == reason {
			c.ended[i].Add(1)
		}
	}
}

func (c *counters) reset(reason hub.ResetReason) {
	if i := slices.Index(resetReasons, reason); i >= 0 {
		c.resets[i].Add(1)
	}
}

var resetReasons = hub.ResetReasons()

// Stats are the counters of an engine since New, and the figures of the moment.
type Stats struct {
	Clients      int                        // open streams, and held requests
	Deliveries   uint64                     // events handed to connections
	Bytes        uint64                     // bytes of event stream written
	HandedOver   uint64                     // streams that left net/http
	Resubscribed uint64                     // slow clients that resumed from history
	Ended        map[EndReason]uint64       // streams that ended
	Resets       map[hub.ResetReason]uint64 // resets handed to connections
	Views        int                        // different views in use, whole documents not counted
	FormBytes    int                        // size of the cache that clients share
	FormsMade    uint64                     // entries of the cache that were ever made
	HTMLFailures uint64                     // documents, statuses and resets that a template failed at
	HeldBytes    int                        // size of what clients hold that read slowly
	HeldWaits    uint64                     // times that a client waited because that was too much

	Delays   [len(DelayBounds) + 1]uint64 // writes by the time since the publication: up to each of DelayBounds, and longer
	DelaySum time.Duration                // of all of them

	Connections       int                 // of Serve and ServeAdmin, without a client
	ConnectionStates  map[string]int      // the same by state: idle, silent, handshake, busy
	ConnectionsClosed map[Pressure]uint64 // to make room
	AcceptErrors      uint64
}

// Stats returns the figures. Each one is exact. Two of them may be of different instants.
func (e *Engine) Stats() Stats {
	views := e.views.Stats()
	stats := Stats{
		Deliveries:   e.stats.deliveries.Load(),
		Bytes:        e.stats.bytes.Load(),
		HandedOver:   e.stats.handedOver.Load(),
		Resubscribed: e.stats.resubscribed.Load(),
		Ended:        make(map[EndReason]uint64, len(reasons)),
		Resets:       make(map[hub.ResetReason]uint64, len(resetReasons)),
		Views:        views.Views,
		FormBytes:    views.Bytes,
		FormsMade:    views.Made,
		HTMLFailures: views.Failures,
		HeldBytes:    int(e.holdings.bytes.Load()),
		HeldWaits:    e.holdings.waits.Load(),
	}
	e.stats.delays.addTo(&stats)
	e.admission.addTo(&stats)
	for i, reason := range reasons {
		stats.Ended[reason] = e.stats.ended[i].Load()
	}
	for i, reason := range resetReasons {
		stats.Resets[reason] = e.stats.resets[i].Load()
	}
	return stats
}

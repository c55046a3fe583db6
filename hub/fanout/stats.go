package fanout

import "sync/atomic"

// reasons are all reasons for which streams end, in the order of the counters.
var reasons = [...]Reason{ReasonGone, ReasonSlow, ReasonLimit, ReasonAge, ReasonDrain, ReasonHub, ReasonError, ReasonRemoved}

// counters only rise.
type counters struct {
	deliveries   atomic.Uint64
	bytes        atomic.Uint64
	resubscribed atomic.Uint64
	handedOver   atomic.Uint64
	ended        [len(reasons)]atomic.Uint64
}

func (c *counters) end(reason Reason) {
	for i := range reasons {
		if reasons[i] == reason {
			c.ended[i].Add(1)
		}
	}
}

// Stats is what an engine counted since New, and what it holds now.
type Stats struct {
	Clients      int               // open streams, and waits that were admitted
	Deliveries   uint64            // events handed to connections
	Bytes        uint64            // bytes of event stream written
	HandedOver   uint64            // streams that left net/http
	Resubscribed uint64            // slow clients that took their backlog from history
	Ended        map[Reason]uint64 // streams that ended
	Views        int               // different views in use, whole documents not counted
	FormBytes    int               // size of what is kept for several clients
	FormsMade    uint64            // how often something was made for several clients

	Connections       int                 // of Serve and ServeAdmin that are no client's
	ConnectionsClosed map[Pressure]uint64 // for want of room
	AcceptErrors      uint64
}

// Stats returns the counters of the moment. Each figure is exact; two of them
// need not be of the same instant.
func (e *Engine) Stats() Stats {
	views := e.views.Stats()
	stats := Stats{
		Deliveries:   e.stats.deliveries.Load(),
		Bytes:        e.stats.bytes.Load(),
		HandedOver:   e.stats.handedOver.Load(),
		Resubscribed: e.stats.resubscribed.Load(),
		Ended:        make(map[Reason]uint64, len(reasons)),
		Views:        views.Views,
		FormBytes:    views.Bytes,
		FormsMade:    views.Made,
	}
	e.admission.addTo(&stats)
	for i, reason := range reasons {
		stats.Ended[reason] = e.stats.ended[i].Load()
	}
	return stats
}

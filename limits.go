package pollux

import (
	"log/slog"
	"runtime"

	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/internal/machine"
)

const (
	// ownDescriptors are standard input, output and error, listeners, the
	// runtime's and a few for files and names.
	ownDescriptors = 16

	// writerDescriptors are what each writer needs; there is one a processor.
	writerDescriptors = 2

	// leastUpstreams is what connections to upstreams have at least, as a part of
	// the reserve.
	leastUpstreams = 4
)

// Limits are how the descriptors of the process are divided.
type Limits struct {
	fanout.Limits

	Descriptors int // that the process may have
	Streams     int // requests to upstreams that may be in flight at once
	Upstreams   int // connections to upstreams that may be open, see guard.NewPlaces
}

// NewLimits divides the descriptors that the process may have. streams is how many
// streams have an upstream, where one with keys counts as many times as it has requests
// in parallel, and admin says whether there is an address for
// administration. maxClients and maxConnections are what is wanted, or 0; what does not
// fit is cut.
func NewLimits(streams int, admin bool, maxClients, maxConnections int) Limits {
	l := Limits{Descriptors: machine.Descriptors(), Streams: streams}
	own := ownDescriptors + writerDescriptors*runtime.GOMAXPROCS(0)
	if admin {
		own += fanout.AdminConnections
	}
	l.Limits = fanout.LimitsFor(l.Descriptors, own+streams, maxClients, maxConnections)
	l.Upstreams = max(l.Reserve-own, l.Reserve/leastUpstreams, 1)
	return l
}

func (l Limits) log(log *slog.Logger) {
	log.Info("limits", "descriptors", l.Descriptors, "clients", l.Clients, "connections", l.Connections, "reserve", l.Reserve, "upstreams", l.Upstreams)
	l.warn(l.Streams, log)
}

// warn tells the log if there are more streams with an upstream than connections to
// upstreams. Limits are not divided anew when streams come: clients hold their part.
func (l Limits) warn(streams int, log *slog.Logger) {
	if streams > l.Upstreams {
		log.Warn("fewer connections to upstreams than streams, which will share them", "streams", streams, "upstreams", l.Upstreams, "descriptors", l.Descriptors)
	}
}

package main

import (
	"log/slog"
	"runtime"

	"github.com/polluxhub/pollux/hub/fanout"
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

// shares is how the descriptors are divided.
type shares struct {
	fanout.Limits

	descriptors                    int
	streams                        int // that have an upstream
	upstreams                      int // connections to them that may be open
	askedClients, askedConnections int // 0: nobody asked
}

// divide divides the descriptors that the process may have.
func (c *serveCommand) divide() shares {
	s := shares{descriptors: descriptors(), askedClients: given(c.MaxClients), askedConnections: given(c.MaxConnections)}
	for _, stream := range c.Streams {
		if !stream.Push && !stream.Mock {
			s.streams++
		}
	}
	own := ownDescriptors + writerDescriptors*runtime.GOMAXPROCS(0)
	if c.adminAddress() != "" {
		own += fanout.AdminConnections
	}
	s.Limits = fanout.LimitsFor(s.descriptors, own+s.streams, s.askedClients, s.askedConnections)
	s.upstreams = max(s.Reserve-own, s.Reserve/leastUpstreams, 1)
	return s
}

// tell says how, and what was asked for in vain.
func (s shares) tell(log *slog.Logger) {
	log.Info("limits", "descriptors", s.descriptors, "clients", s.Clients, "connections", s.Connections, "reserve", s.Reserve, "upstreams", s.upstreams)
	if s.streams > s.upstreams {
		log.Warn("fewer connections to upstreams than streams, which will share them", "streams", s.streams, "upstreams", s.upstreams, "descriptors", s.descriptors)
	}
	if s.askedClients > s.Clients {
		log.Warn("too few descriptors for --max-clients", "asked", s.askedClients, "limit", s.Clients, "descriptors", s.descriptors)
	}
	if s.askedConnections > s.Connections {
		log.Warn("too few descriptors for --max-connections", "asked", s.askedConnections, "limit", s.Connections, "descriptors", s.descriptors)
	}
}

// given returns a number that may not be given, and 0 then.
func given(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

package fanout

import "math"

// Limits are how the descriptors of a process are divided.
type Limits struct {
	Clients     int // for Options.MaxClients
	Connections int // for Options.MaxConnections
	Reserve     int // for everything else
}

const (
	// The reserve is what the process is known to need and a part of the
	// descriptors besides, for what comes and goes: files, names to be resolved,
	// several addresses of one upstream.
	reservePart  = 64
	minReserve   = 16
	maxReserve   = 256
	mostReserved = 2 // at most this part of all

	// Connections that are no client's pass: in a wave of clients each of them is
	// one for a moment. So their number grows with the square root.
	connectionsRoot  = 4
	connectionsPart  = 4 // at most this part of what is left
	limitConnections = 4096

	// leastConnections is what clients leave to them at least, as a part of what
	// there would be.
	leastConnections = 4
)

// LimitsFor divides the descriptors that a process may have. needed is how many it
// holds for other things than clients: writers, upstreams, listeners.
// maxClients and maxConnections are what is asked for, or 0; what does not fit is
// cut. At most DefaultMaxClients come of not asking.
func LimitsFor(descriptors, needed, maxClients, maxConnections int) Limits {
	reserve := needed + min(max(descriptors/reservePart, minReserve), maxReserve)
	reserve = max(min(reserve, descriptors/mostReserved), 0)
	rest := max(descriptors-reserve, 2)
	usual := int(connectionsRoot * math.Sqrt(float64(rest)))
	usual = max(min(usual, rest/connectionsPart, limitConnections), 1)

	clients := maxClients
	if clients == 0 {
		connections := usual
		if maxConnections != 0 {
			connections = min(maxConnections, rest/2)
		}
		return Limits{min(rest-connections, DefaultMaxClients), connections, reserve}
	}
	clients = min(clients, rest-max(usual/leastConnections, 1))
	connections := usual
	if maxConnections != 0 {
		connections = maxConnections
	}
	return Limits{clients, min(connections, rest-clients), reserve}
}

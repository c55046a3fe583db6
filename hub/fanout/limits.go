package fanout

import "math"

// Limits say how the descriptors of a process are divided.
type Limits struct {
	Clients     int // for Options.MaxClients
	Connections int // for Options.MaxConnections
	Reserve     int // for everything else
}

const (
	// The reserve is what the process is known to need, and a part of all descriptors
	// for short needs: files, name resolution, several addresses of one upstream.
	reservePart  = 64
	minReserve   = 16
	maxReserve   = 256
	mostReserved = 2 // the reserve is at most one half of all

	// Connections without a client are short-lived: when many clients join, each of them
	// is one for a moment. So their number grows with the square root.
	connectionsRoot  = 4
	connectionsPart  = 4 // at most one quarter of what the reserve leaves
	limitConnections = 4096

	// leastConnections is the part of these connections that a large number of clients
	// leaves at least.
	leastConnections = 4
)

// LimitsFor divides the descriptors that a process may have. needed is how many it uses
// for other things than clients: writers, upstreams, listeners. maxClients and
// maxConnections are the wanted limits, or 0 for a default. Limits that do not fit are
// lowered. The default for clients is at most DefaultMaxClients.
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

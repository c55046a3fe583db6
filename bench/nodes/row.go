package nodes

import (
	"time"

	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/stat"
)

// What the nodes have their events from.
const (
	NATS   = "nats"   // one NATS server beside them
	Leaves = "leaves" // another Pollux, which they follow
)

// Case is one run.
type Case struct {
	Log     string `json:"log"` // NATS or Leaves
	Nodes   int    `json:"nodes"`
	Clients int    `json:"clients"` // of all nodes together
}

// Traffic is what the log has sent to the nodes in some time.
type Traffic struct {
	Seconds  float64       `json:"seconds"`
	Messages float64       `json:"messages"` // of NATS, or writes of the origin
	Bytes    float64       `json:"bytes"`
	CPU      time.Duration `json:"cpu"` // of NATS or the origin
}

// Row is what came of a case. Memory is in bytes, and of all nodes together.
type Row struct {
	Case
	Date     time.Time     `json:"date"`
	Machine  proc.Machine  `json:"machine"`
	Version  string        `json:"version"`
	Size     int           `json:"size"`     // of an event's data, in bytes
	Interval time.Duration `json:"interval"` // between two events

	Opened float64 `json:"opened"` // seconds from the first connect to the last answer
	Base   int64   `json:"base"`   // without clients
	Idle   int64   `json:"idle"`   // with all of them, before the first event
	Used   int64   `json:"used"`   // after the events
	Kernel int64   `json:"kernel"` // more in the kernel than without clients, for both ends of each connection

	Published  int   `json:"published"`
	Delivered  int64 `json:"delivered"` // events × clients
	Lost       int64 `json:"lost"`      // published, and not read by a client
	Late       int64 `json:"late"`      // read after a newer one
	Duplicates int64 `json:"duplicates"`
	Broken     int64 `json:"broken"` // not what was sent
	Gone       int   `json:"gone"`   // clients that a node has closed

	CPU    time.Duration `json:"cpu"`    // of all nodes, while events came
	LogMem int64         `json:"logMem"` // of NATS or the origin, at the end

	Middle []float64 `json:"middle"` // milliseconds of an event to half of the clients of a node: the median of each node
	Last   []float64 `json:"last"`   // milliseconds of each event to the last client of all nodes

	Quiet Traffic `json:"quiet"` // without events
	Busy  Traffic `json:"busy"`  // with events
}

// OK tells whether each client got each event once and in order.
func (r *Row) OK() bool {
	return r.Published > 0 && r.Lost+r.Late+r.Duplicates+r.Broken == 0 && r.Gone == 0
}

// NodeMemory is what a node uses without clients, in bytes.
func (r *Row) NodeMemory() float64 { return float64(r.Base) / float64(r.Nodes) }

// ClientMemory is what a node uses for each client after the events, in bytes.
func (r *Row) ClientMemory() float64 { return float64(r.Used-r.Base) / float64(r.Clients) }

// KernelMemory is what the kernel uses for the end of a connection that a server has, in bytes. Both
// ends are on this machine, and alike.
func (r *Row) KernelMemory() float64 { return float64(r.Kernel) / float64(r.Clients) / 2 }

// Delivery is the time of a processor for one event to one client.
func (r *Row) Delivery() time.Duration { return r.CPU / time.Duration(max(r.Delivered, 1)) }

// LastMedian and LastMost are how long an event takes to the last client, in milliseconds.
func (r *Row) LastMedian() float64 { return stat.Median(r.Last) }

// LastMost is that of the slowest event.
func (r *Row) LastMost() float64 { _, most := stat.Spread(r.Last); return most }

// QuietMessages is how many messages the log sends to a node in a second without events.
func (r *Row) QuietMessages() float64 { return r.quiet(r.Quiet.Messages) }

// QuietBytes is what the log sends to a node in a second without events.
func (r *Row) QuietBytes() float64 { return r.quiet(r.Quiet.Bytes) }

// EventMessages is how many messages the log sends to a node for one event.
func (r *Row) EventMessages() float64 { return r.event(r.Quiet.Messages, r.Busy.Messages) }

// EventBytes is what the log sends to a node for one event.
func (r *Row) EventBytes() float64 { return r.event(r.Quiet.Bytes, r.Busy.Bytes) }

// LogProcessors is how many processors the log has kept busy while events came.
func (r *Row) LogProcessors() float64 { return r.Busy.CPU.Seconds() / r.Busy.Seconds }

// quiet divides what was counted in the quiet time by seconds and nodes.
func (r *Row) quiet(counted float64) float64 {
	return counted / r.Quiet.Seconds / float64(r.Nodes)
}

// event divides what was counted beyond the quiet rate by events and nodes.
func (r *Row) event(quiet, busy float64) float64 {
	more := busy - quiet/r.Quiet.Seconds*r.Busy.Seconds
	return more / float64(r.Nodes) / float64(max(r.Published, 1))
}

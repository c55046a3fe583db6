// Package result is what measurements are kept as: every figure of every run, so
// that a report can be made, or judged, without measuring again.
package result

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/proc"
)

// Unknown stands for a figure that could not be had.
const Unknown = -1

// About is how, when and on what something was measured.
type About struct {
	Command  string       `json:"command"`
	Date     time.Time    `json:"date"`
	Seconds  float64      `json:"seconds"` // that it took
	Machine  proc.Machine `json:"machine"`
	Versions []Version    `json:"versions"`
	Settings Settings     `json:"settings"`
	// OneCore tells that server and load had to share a core, which makes all
	// figures worthless but those of memory.
	OneCore bool `json:"oneCore,omitempty"`
}

// Version is what exactly was measured under a peer's name, or why it was not.
type Version struct {
	Peer    string `json:"peer"`
	Version string `json:"version"`
	Missing string `json:"missing,omitempty"`
}

// Settings are the numbers of a measurement. All durations are in JSON as
// nanoseconds.
type Settings struct {
	Clients       int           `json:"clients"`
	Rounds        int           `json:"rounds"`
	Others        int           `json:"others,omitempty"` // rounds of servers that have no figure to reach; 0: as many
	Size          int           `json:"size"`             // of an event's data
	Paced         int           `json:"paced"`            // events
	PacedInterval time.Duration `json:"pacedInterval"`    // between them
	Burst         time.Duration `json:"burst"`
	Window        int           `json:"window"` // events under way in a burst
	Settle        time.Duration `json:"settle"` // before memory is read

	SmallClients int           `json:"smallClients"` // who keep reading while others do not
	Stalled      int           `json:"stalled"`      // who do not
	LargeSize    int           `json:"largeSize"`    // of an event's data meanwhile
	LargePace    time.Duration `json:"largePace"`    // between two such events
	Without      time.Duration `json:"without"`      // before anybody stalls
	With         time.Duration `json:"with"`
	Documents    int           `json:"documents"` // reference documents
	DocumentPace time.Duration `json:"documentPace"`
}

// Usage is what a server uses at one moment.
type Usage struct {
	Pss         int64        `json:"pss"`
	RSS         int64        `json:"rss"`
	Descriptors int          `json:"descriptors"`
	Threads     int          `json:"threads"`
	Goroutines  int64        `json:"goroutines"` // Unknown where the server does not say
	Heap        int64        `json:"heap"`       // after a collection; likewise
	Kernel      proc.Sockets `json:"kernel"`
}

// Full is one server with all clients: what they cost, and how fast they are
// told.
type Full struct {
	Clients int         `json:"clients"`
	Opened  load.Opened `json:"opened"`

	Base  Usage `json:"base"`  // after a warm-up, without clients
	Idle  Usage `json:"idle"`  // all clients there, no event yet
	After Usage `json:"after"` // after the paced events
	Left  Usage `json:"left"`  // after all clients have gone

	Paced    load.Report   `json:"paced"`
	PacedCPU time.Duration `json:"pacedCPU"`
	Burst    load.Report   `json:"burst"`
	BurstCPU time.Duration `json:"burstCPU"`

	// GoneAfter is the time until the server had closed all descriptors, or
	// Unknown when it did not within ten seconds.
	GoneAfter float64 `json:"goneAfter"`
}

// Small is one server with fewer clients: the reference document, and what some
// who do not read do to others.
type Small struct {
	Document load.Report `json:"document"`
	Gzip     bool        `json:"gzip"` // the streams were compressed

	Without load.Report `json:"without"`
	With    load.Report `json:"with"`
	Stalled int         `json:"stalled"`
	Dropped int         `json:"dropped"`
	// DroppedAfter is the time in seconds from the first event until the last
	// stalled client was closed, or Unknown.
	DroppedAfter float64 `json:"droppedAfter"`
	// PeakWithout and PeakWith are the most memory used, in bytes.
	PeakWithout int64 `json:"peakWithout"`
	PeakWith    int64 `json:"peakWith"`
}

// Run is one server in one round.
type Run struct {
	Peer  string `json:"peer"`
	Round int    `json:"round"`
	Full  *Full  `json:"full,omitempty"`
	Small *Small `json:"small,omitempty"`
	Error string `json:"error,omitempty"`
}

// Peers is what `bench peers` has measured.
type Peers struct {
	About About `json:"about"`
	Runs  []Run `json:"runs"`
}

// Limit is what `bench limit` has measured.
type Limit struct {
	About  About `json:"about"`
	Growth []Run `json:"growth"` // of different numbers of clients
	Hold   *Hold `json:"hold,omitempty"`
}

// Hold is as many clients as could be had, for some minutes.
type Hold struct {
	Clients   int      `json:"clients"`
	Bound     uint64   `json:"bound"` // of descriptors in one process
	Processes int      `json:"processes"`
	Opened    float64  `json:"opened"` // seconds that it took
	Base      Usage    `json:"base"`
	Samples   []Sample `json:"samples"` // one a minute
	Published int      `json:"published"`
	Lost      int64    `json:"lost"`
	// Last is, for each event, the milliseconds until the last client had it.
	Last []float64     `json:"last"`
	CPU  time.Duration `json:"cpu"`
	Gone int           `json:"gone"` // clients that the server has closed
	// Joins are the milliseconds from dialling to the first event, of further
	// clients while events went out back to back.
	Joins []float64 `json:"joins,omitempty"`
}

// Sample is what a server uses so many seconds after all clients were there.
type Sample struct {
	After float64 `json:"after"`
	Usage Usage   `json:"usage"`
}

// Write stores v as JSON.
func Write(name string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return os.WriteFile(name, append(data, '\n'), 0o644) //nolint:gosec // meant to be read
}

// Read reads what Write has stored.
func Read(name string, v any) error {
	data, err := os.ReadFile(name) //nolint:gosec // whoever runs the program names it
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("result: %s: %w", name, err)
	}
	return nil
}

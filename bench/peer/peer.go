// Package peer knows the servers that are compared: how each is built, started,
// published to and read from. To add one is to add an entry to [All].
//
// Fairness: every peer is set up as its own documentation has it, runs on one
// core, answers the same two requests, and sends the same data. What was set
// otherwise than by default, and why, is in the peer's Note, which the report
// prints.
package peer

import (
	"fmt"
	"os/exec"
	"strconv"
)

// Names that the report treats in their own way: ratios are taken to the floor,
// and the figures to reach are Pollux's.
const (
	Floor      = "floor"
	Pollux     = "pollux"
	PolluxGzip = "pollux-gzip"
)

// Peer is one server under test.
type Peer struct {
	Name  string // for the command line and the results
	Title string // for the report
	Note  string // how it was set up

	Path    string            // of the stream
	Publish string            // where events are posted
	Header  map[string]string // of a publish
	Gzip    bool              // clients offer gzip
	TLS     bool              // clients need TLS
	Metrics string            // where goroutines and heap can be read; may be empty

	// Prepare builds or installs what the peer needs. It may be nil.
	Prepare func(w *Workshop) error

	// Command returns the server's command, to listen on this port of
	// 127.0.0.1 for so many clients. It must stay in the foreground and end on
	// SIGTERM.
	Command func(w *Workshop, port, clients int) (*exec.Cmd, error)

	// Children is how many processes the server starts. What it uses is measured when all
	// of them are there.
	Children int

	// Version says what exactly is measured.
	Version func(w *Workshop) string
}

const (
	events  = "/events"
	publish = "/publish"
	metrics = "/metrics"
)

// All returns the peers.
func All() []Peer {
	pollux := Peer{
		Name:    Pollux,
		Title:   "Pollux",
		Note:    "`pollux --push` with defaults, except for the limit on clients.",
		Path:    "/api/sse",
		Publish: "/api/streams/default/events",
		Header:  map[string]string{"Authorization": "Bearer " + token},
		Metrics: metrics,
		Prepare: preparePollux,
		Command: startPollux,
		Version: func(w *Workshop) string { return output(w.path(Pollux), "version") },
	}
	gzip := pollux
	gzip.Name, gzip.Title, gzip.Gzip = PolluxGzip, "Pollux, gzip", true
	gzip.Note = "The same, for clients that accept gzip. The stream of one client in a hundred is decompressed and compared. For the others, chunks are counted."
	return []Peer{
		{
			Name: Floor, Title: "floor (C)",
			Note: "The least that any server has to do: one thread, one epoll set, one `write(2)` for each event and client; " +
				"no resume, no heartbeat, no limits. A client that takes nothing for 4 s is dropped. Compiled with `cc -O2`.",
			Path: events, Publish: publish,
			Prepare: prepareFloor,
			Command: func(w *Workshop, port, _ int) (*exec.Cmd, error) {
				return command(w.path(Floor), strconv.Itoa(port)), nil
			},
			Version: func(*Workshop) string { return firstLine(output("cc", "--version")) },
		},
		pollux,
		gzip,
		{
			Name: "nchan", Title: "nginx + nchan",
			Note: "One worker. Debian's package. It keeps 1,000 messages, as many as Pollux. Its body is not chunked, which saves some bytes.",
			Path: events, Publish: publish,
			Prepare:  prepareNchan,
			Command:  startNchan,
			Children: 1,
			Version:  nchanVersion,
		},
		{
			Name: "go-sse", Title: "tmaxmax/go-sse",
			Note: "`sse.Server` with its default provider, as in the README: no replay. The head of the response is sent at once. By default it is sent with the first event.",
			Path: events, Publish: publish, Metrics: metrics,
			Command: serve("go-sse"),
			Version: module("github.com/tmaxmax/go-sse"),
		},
		{
			Name: "r3labs", Title: "r3labs/sse",
			Note: "As in the README, but with `AutoReplay` off: otherwise it would keep every event for ever, and be measured as a leak.",
			Path: events + "?stream=" + r3labsStream, Publish: publish, Metrics: metrics,
			Command: serve("r3labs"),
			Version: module("github.com/r3labs/sse/v2"),
		},
		{
			Name: "textbook", Title: "textbook Go hub",
			Note: "A goroutine and a channel of 16 events for each client, `net/http`, a flush for each event. A client whose channel is full misses the event.",
			Path: events, Publish: publish, Metrics: metrics,
			Command: serve("textbook"),
			Version: module(""),
		},
		{
			Name: "node", Title: "Node, plain http",
			Note: "The `http` module, a set of responses, a `write` to each.",
			Path: events, Publish: publish,
			Prepare: prepareNode,
			Command: func(w *Workshop, port, _ int) (*exec.Cmd, error) {
				return command("node", w.path("node.mjs"), strconv.Itoa(port)), nil
			},
			Version: func(*Workshop) string { return "Node " + output("node", "--version") },
		},
	}
}

// Select returns those peers whose names are given, in the order of All, or all
// of them without any names.
func Select(names []string) ([]Peer, error) {
	all := All()
	if len(names) == 0 {
		return all, nil
	}
	wanted := make(map[string]bool)
	for _, name := range names {
		wanted[name] = true
	}
	var selected []Peer
	for _, p := range all {
		if wanted[p.Name] {
			selected = append(selected, p)
			delete(wanted, p.Name)
		}
	}
	for name := range wanted {
		return nil, fmt.Errorf("peer: there is no %q", name)
	}
	return selected, nil
}

// serve returns the command of a peer that lives in this program.
func serve(name string) func(*Workshop, int, int) (*exec.Cmd, error) {
	return func(w *Workshop, port, _ int) (*exec.Cmd, error) {
		return command(w.Self, "serve", name, "127.0.0.1:"+strconv.Itoa(port)), nil
	}
}

// Package run conducts measurements: it starts a server on one core and the load
// on another, has the load do one thing after the other, and reads from the
// kernel what the server uses meanwhile.
//
// Everything is bounded in count and in time, and whatever is started ends with
// the measurement, or with this process.
package run

import (
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/result"
)

// Log is told what is being done.
type Log func(format string, args ...any)

// Bed is where measurements are made: the peers, ready to be started, and the
// cores.
type Bed struct {
	About result.About
	Peers []peer.Peer // without those that could not be had

	// Descriptors is how many a process may open.
	Descriptors uint64

	workshop *peer.Workshop
	server   int   // the core of servers
	load     []int // the cores of load processes
	log      Log
}

// NewBed prepares the peers. Why one is missing stands in About.
func NewBed(w *peer.Workshop, peers []peer.Peer, descriptors uint64, log Log) (*Bed, error) {
	cores, err := proc.Cores()
	if err != nil {
		return nil, err
	}
	b := &Bed{Descriptors: descriptors, workshop: w, server: cores[0], load: cores[1:], log: log}
	b.About.Machine = proc.ReadMachine()
	b.About.Date = time.Now().UTC().Truncate(time.Second)
	if len(b.load) == 0 {
		b.load, b.About.OneCore = cores, true
		log("one core only: server and load share it, and times mean nothing")
	}
	for _, p := range peers {
		log("preparing %s", p.Name)
		v := result.Version{Peer: p.Name}
		if err := prepare(w, p); err != nil {
			log("%s is left out: %v", p.Name, err)
			v.Missing, _, _ = strings.Cut(w.Anonymous(err), "\n")
		} else {
			v.Version = p.Version(w)
			b.Peers = append(b.Peers, p)
		}
		b.About.Versions = append(b.About.Versions, v)
	}
	return b, nil
}

func prepare(w *peer.Workshop, p peer.Peer) error {
	if p.Prepare == nil {
		return nil
	}
	return p.Prepare(w)
}

// Package secure measures what clients cost where they use TLS: memory and processor time of a
// server for each client, by protocol.
package secure

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
)

// Settings of a measurement.
type Settings struct {
	Rounds int           `json:"rounds"` // of the rows that have a figure to reach
	Others int           `json:"others"` // rounds of the others
	Size   int           `json:"size"`   // of a document, in bytes
	Events int           `json:"events"` // that are published one after the other
	Pace   time.Duration `json:"pace"`   // between two of them
	Settle time.Duration `json:"settle"` // until memory is read
	Core   int           `json:"core"`   // of the servers

	Readers   int           `json:"readers"`   // while others read nothing
	Stalled   int           `json:"stalled"`   // who read nothing
	LargeSize int           `json:"largeSize"` // of a document meanwhile, in bytes
	LargePace time.Duration `json:"largePace"` // between two of them
	Without   time.Duration `json:"without"`   // before anybody stalls
	With      time.Duration `json:"with"`
}

// Figures are of one round. Each is for one client.
type Figures struct {
	Memory     float64 `json:"memory"`     // bytes, after the join
	MemoryUsed float64 `json:"memoryUsed"` // bytes, after events
	Join       float64 `json:"join"`       // µs of the processor, with a whole handshake
	Delivery   float64 `json:"delivery"`   // µs of the processor
	Last       float64 `json:"last"`       // ms until the last client has an event, median
	Return     float64 `json:"return"`     // µs of the processor, with a TLS session that is resumed
	Wave       float64 `json:"wave"`       // s until all have returned
	Resumed    float64 `json:"resumed"`    // share of those connections that resumed their session
	Lost       int64   `json:"lost"`       // events that some client has not got

	Stalled *Stalled `json:"stalled,omitempty"` // where it was measured
}

const (
	warmClients = 20
	warmEvents  = 50
	patience    = 30 * time.Second
	rest        = 1500 * time.Millisecond
)

// Measure measures one case once.
func Measure(ctx context.Context, w *peer.Workshop, c Case, o Settings) (Figures, error) {
	f, err := measureAll(ctx, w, c, o)
	if err == nil && c.Stalls {
		f.Stalled, err = measureStalled(ctx, w, c, o)
	}
	return f, err
}

// measureAll has all clients come, get events, leave and return.
func measureAll(ctx context.Context, w *peer.Workshop, c Case, o Settings) (f Figures, err error) {
	s, err := newSession(ctx, w, c, c.Clients, o)
	if err != nil {
		return f, err
	}
	defer func() { err = s.close(err) }()
	if err := s.warm(ctx); err != nil {
		return f, err
	}
	memory := func() float64 {
		m, failed := s.server.Processes.Memory()
		err = errors.Join(err, failed)
		return float64(m.Pss)
	}
	cpu := func() time.Duration {
		d, failed := s.server.Processes.CPU()
		err = errors.Join(err, failed)
		return d
	}
	clients := float64(c.Clients)
	each := func(d time.Duration, times float64) float64 { return d.Seconds() * 1e6 / times }

	before, start := memory(), cpu()
	fleet := newFleet(s.server.Address, c.Peer.Path, c.Protocol, c.Clients)
	defer fleet.disconnect()
	if _, failed := fleet.connect(ctx); err != nil || failed != nil {
		return f, errors.Join(err, failed)
	}
	f.Join = each(cpu()-start, clients)
	time.Sleep(o.Settle)
	f.Memory = (memory() - before) / clients

	last := make([]float64, 0, o.Events)
	start = cpu()
	for range o.Events {
		begin := time.Now()
		want := fleet.arrived.Load() + int64(c.Clients)
		if err := s.publisher.publish(ctx); err != nil {
			return f, err
		}
		f.Lost += fleet.missing(want)
		last = append(last, time.Since(begin).Seconds()*1000)
		time.Sleep(max(o.Pace-time.Since(begin), 0))
	}
	f.Delivery, f.Last = each(cpu()-start, clients*float64(o.Events)), median(last)
	f.MemoryUsed = (memory() - before) / clients

	fleet.disconnect()
	time.Sleep(rest)
	if c.Protocol.TLS {
		if err := fleet.remember(ctx); err != nil {
			return f, err
		}
	}
	fleet.lastEventID = s.publisher.last
	fleet.resumed.Store(0)
	start = cpu()
	took, failed := fleet.connect(ctx)
	f.Wave, f.Return = took.Seconds(), each(cpu()-start, clients)
	f.Resumed = float64(fleet.resumed.Load()) / float64(max(len(fleet.conns), 1))
	return f, errors.Join(err, failed)
}

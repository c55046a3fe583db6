// Package secure measures what clients cost where they use TLS: memory and processor time of a
// server for each client, by protocol.
package secure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/certificate"
	"github.com/polluxhub/pollux/bench/peer"
)

// Settings of a measurement.
type Settings struct {
	Clients int
	Rounds  int
	Size    int           // of a document, in bytes
	Events  int           // that are published one after the other
	Pace    time.Duration // between two of them
	Settle  time.Duration // until memory is read
	Core    int           // of the servers
}

// Case is one server with one kind of clients.
type Case struct {
	Peer     peer.Peer
	Protocol Protocol
}

// Figures are of one round. Each is for one client.
type Figures struct {
	Memory     float64 // bytes, after the join
	MemoryUsed float64 // bytes, after events
	Join       float64 // µs of the processor, with a whole handshake
	Delivery   float64 // µs of the processor
	Last       float64 // ms until the last client has an event, median
	Return     float64 // µs of the processor, with a TLS session that is resumed
	Wave       float64 // s until all have returned
	Resumed    float64 // share of those connections that resumed their session
}

// errLost is the error if a client did not get each event.
var errLost = errors.New("secure: events are missing")

const (
	warmClients = 20
	warmEvents  = 50
	patience    = 30 * time.Second
	rest        = 1500 * time.Millisecond
)

// Measure measures one case once.
func Measure(ctx context.Context, w *peer.Workshop, c Case, o Settings) (f Figures, err error) {
	server, err := w.Start(ctx, c.Peer, o.Core, o.Clients+warmClients)
	if err != nil {
		return f, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, server.Log())
		}
		err = errors.Join(err, server.Stop())
	}()
	p := &publisher{url: server.Address + c.Peer.Publish, header: c.Peer.Header, size: o.Size}
	p.client = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: certificate.Any()}}
	p.url = "http://" + p.url
	if c.Peer.TLS {
		p.url = strings.Replace(p.url, "http:", "https:", 1)
	}
	defer p.client.CloseIdleConnections()

	warm := newFleet(server.Address, c.Peer.Path, c.Protocol, warmClients)
	if _, err := warm.connect(ctx); err != nil {
		return f, err
	}
	for range warmEvents {
		if err := p.publish(ctx); err != nil {
			return f, err
		}
	}
	warm.disconnect()
	time.Sleep(rest)

	memory := func() (float64, error) {
		m, err := server.Processes.Memory()
		return float64(m.Pss), err
	}
	each := func(d time.Duration, times int) float64 { return d.Seconds() * 1e6 / float64(times) }
	before, err := memory()
	if err != nil {
		return f, err
	}
	cpu := func() time.Duration {
		d, failed := server.Processes.CPU()
		err = errors.Join(err, failed)
		return d
	}
	fleet := newFleet(server.Address, c.Peer.Path, c.Protocol, o.Clients)
	defer fleet.disconnect()
	start := cpu()
	if _, err := fleet.connect(ctx); err != nil {
		return f, err
	}
	f.Join = each(cpu()-start, o.Clients)
	time.Sleep(o.Settle)
	idle, failed := memory()
	f.Memory = (idle - before) / float64(o.Clients)

	last := make([]float64, 0, o.Events)
	base := fleet.arrived.Load()
	start = cpu()
	for n := range o.Events {
		begin := time.Now()
		if err := p.publish(ctx); err != nil {
			return f, err
		}
		want := base + int64(n+1)*int64(o.Clients)
		for fleet.arrived.Load() < want && time.Since(begin) < patience {
			time.Sleep(time.Millisecond)
		}
		if got := fleet.arrived.Load(); got != want {
			return f, fmt.Errorf("%w: %d of %d arrived, %v", errLost, got-base, want-base, fleet.broken)
		}
		last = append(last, time.Since(begin).Seconds()*1000)
		time.Sleep(max(o.Pace-time.Since(begin), 0))
	}
	f.Delivery = each(cpu()-start, o.Clients*o.Events)
	f.Last = median(last)
	used, again := memory()
	f.MemoryUsed = (used - before) / float64(o.Clients)

	fleet.disconnect()
	time.Sleep(rest)
	if c.Protocol.TLS {
		if err := fleet.remember(ctx); err != nil {
			return f, err
		}
	}
	fleet.lastEventID = p.last
	fleet.resumed.Store(0)
	start = cpu()
	took, err := fleet.connect(ctx)
	f.Wave, f.Return = took.Seconds(), each(cpu()-start, o.Clients)
	f.Resumed = float64(fleet.resumed.Load()) / float64(max(len(fleet.conns), 1))
	return f, errors.Join(err, failed, again)
}

// publisher publishes documents.
type publisher struct {
	url    string
	header map[string]string
	size   int
	client *http.Client
	n      int
	last   string // ID, if the server says it
}

func (p *publisher) publish(ctx context.Context) error {
	p.n++
	text := fmt.Sprintf(`{"n":%d,"%s":"`, p.n, mark)
	text += strings.Repeat("x", max(p.size-len(text)-2, 0)) + `"}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(text))
	if err != nil {
		return err
	}
	for name, value := range p.header {
		request.Header.Set(name, value)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("secure: publish: %s: %s", response.Status, answer)
	}
	var said struct{ ID string }
	if json.NewDecoder(bytes.NewReader(answer)).Decode(&said) == nil && said.ID != "" {
		p.last = said.ID
	}
	return nil
}

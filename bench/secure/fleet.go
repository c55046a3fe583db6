package secure

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/bench/certificate"
)

// dialing is how many connections are made at once.
const dialing = 32

// fleet is the clients of one server.
type fleet struct {
	request
	count   int // streams
	conns   []net.Conn
	open    sync.WaitGroup
	resumed atomic.Int64 // connections that resumed a TLS session
	arrived atomic.Int64
}

func newFleet(address, path string, p Protocol, count int) *fleet {
	f := &fleet{count: count}
	protocol := "http/1.1"
	if p.HTTP2 {
		protocol = "h2"
	}
	f.request = request{address: address, path: path, Protocol: p, events: &f.arrived, broken: new(breaks),
		config: certificate.Any(protocol)}
	return f
}

// connect opens all streams and returns how long that took.
func (f *fleet) connect(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	n := (f.count + f.Streams - 1) / f.Streams
	f.conns = make([]net.Conn, n)
	errs := make([]error, dialing)
	var next atomic.Int64
	var dialers sync.WaitGroup
	for i := range dialing {
		dialers.Go(func() {
			for {
				k := int(next.Add(1)) - 1
				if k >= n || errs[i] != nil {
					return
				}
				f.open.Add(1)
				conn, resumed, err := f.request.open(ctx, min(f.Streams, f.count-k*f.Streams), f.open.Done)
				if err != nil {
					f.open.Done()
					errs[i] = err
					return
				}
				if f.conns[k] = conn; resumed {
					f.resumed.Add(1)
				}
			}
		})
	}
	dialers.Wait()
	return time.Since(begin), errors.Join(errs...)
}

// remember makes one connection, so that the next ones can resume its TLS session.
func (f *fleet) remember(ctx context.Context) error {
	f.config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	f.open.Add(1)
	conn, _, err := f.request.open(ctx, 1, f.open.Done)
	if err != nil {
		f.open.Done()
		return err
	}
	const ticket = 200 * time.Millisecond // it comes behind the handshake
	time.Sleep(ticket)
	err = conn.Close()
	f.open.Wait()
	return err
}

// missing waits until so many events have arrived, and returns how many have not.
func (f *fleet) missing(want int64) int64 {
	for begin := time.Now(); f.arrived.Load() < want && time.Since(begin) < patience; {
		time.Sleep(time.Millisecond)
	}
	return want - f.arrived.Load()
}

// disconnect closes all connections.
func (f *fleet) disconnect() {
	var closing sync.WaitGroup
	for i := range dialing {
		closing.Go(func() {
			for k := i; k < len(f.conns); k += dialing {
				if f.conns[k] != nil {
					_ = f.conns[k].Close() // it is of no use any more
				}
			}
		})
	}
	closing.Wait()
	f.open.Wait()
	f.conns = nil
}

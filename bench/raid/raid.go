// Package raid is clients that mean harm: many connections that send slowly, or
// nothing, or do not read. Each kind is a [Raid]. It runs in a process of its own, so
// that its work is not that of the clients whose times are measured.
package raid

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/bench/certificate"
	"github.com/polluxhub/pollux/bench/load"
)

// Raid is one kind.
type Raid struct {
	Name  string
	Title string // for the report
	Count int    // connections at a time

	// TLS says that the address must speak it.
	TLS bool

	run func(ctx context.Context, address string, count int, seen *Seen) error
}

// All returns the kinds.
func All() []Raid {
	return []Raid{
		{"slowloris", "requests that drip, a header each second", 2000, false, slowloris},
		{"slowloris-tls", "the same within TLS", 2000, true, slowlorisTLS},
		{"silent", "connections that send nothing", 10000, false, silent},
		{"handshakes", "half TLS handshakes", 10000, true, handshakes},
		{"gzip", "clients that accept gzip, instead of as many that do not", 10000, false, fleet(true, false, "")},
		{"stalled", "clients that do not read events of 1 MiB", 50, false, fleet(false, true, "large")},
	}
}

// plainFleet is what gzip is compared with: it does no harm.
const plainFleet = "plain"

// Find returns the kind with that name.
func Find(name string) (Raid, error) {
	for _, r := range append(All(), Raid{Name: plainFleet, run: fleet(false, false, "")}) {
		if r.Name == name {
			return r, nil
		}
	}
	return Raid{}, fmt.Errorf("raid: there is no %q", name)
}

// Seen is what a raid has met.
type Seen struct {
	Opened  atomic.Int64 // connections that were made
	Failed  atomic.Int64 // that were not
	Closed  atomic.Int64 // that the server closed
	Answers atomic.Int64 // bytes that the server sent before it did
}

// Plain is Seen as numbers.
type Plain struct{ Opened, Failed, Closed, Answers int64 }

// Plain returns what was seen so far.
func (s *Seen) Plain() Plain {
	return Plain{s.Opened.Load(), s.Failed.Load(), s.Closed.Load(), s.Answers.Load()}
}

func (p *Plain) add(more Plain) {
	p.Opened += more.Opened
	p.Failed += more.Failed
	p.Closed += more.Closed
	p.Answers += more.Answers
}

// Run raids the address with count connections until ctx ends.
func (r Raid) Run(ctx context.Context, address string, count int, seen *Seen) error {
	return r.run(ctx, address, count, seen)
}

// Connections are made at this rate at first, and at the other one those in place of
// connections that the server has closed: what is tried is holding connections, and not
// how many the kernel can make.
const (
	openingRate = 2000
	againRate   = 200
)

// connections keeps count connections open, each of which does what use says. Use returns
// when the connection is over.
func connections(ctx context.Context, address string, count int, seen *Seen, use func(conn net.Conn) error) error {
	tick, again := time.NewTicker(time.Second/openingRate), time.NewTicker(time.Second/againRate)
	defer tick.Stop()
	defer again.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	for i := range count {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		running.Go(func() {
			dialer := &net.Dialer{LocalAddr: source(i), Timeout: 10 * time.Second}
			for ctx.Err() == nil {
				conn, err := dialer.DialContext(ctx, "tcp", address)
				if err != nil {
					seen.Failed.Add(1)
				} else {
					seen.Opened.Add(1)
					stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
					if err := use(conn); err != nil && ctx.Err() == nil {
						seen.Closed.Add(1)
					}
					stop()
					_ = conn.Close()
				}
				select {
				case <-again.C:
				case <-ctx.Done():
				}
			}
		})
	}
	<-ctx.Done()
	return nil
}

// source returns the address of a connection, from 127.79.0.0/16, so that ports do not
// run out.
func source(number int) net.Addr {
	const perAddress = 1000
	return &net.TCPAddr{IP: net.IPv4(127, 79, byte(number/perAddress>>8), byte(number/perAddress)+1)}
}

func slowloris(ctx context.Context, address string, count int, seen *Seen) error {
	return connections(ctx, address, count, seen, func(conn net.Conn) error { return drip(conn, seen) })
}

// drip sends a request that never ends.
func drip(conn net.Conn, seen *Seen) error {
	if _, err := io.WriteString(conn, "GET /api/sse HTTP/1.1\r\nHost: localhost\r\n"); err != nil {
		return err
	}
	closed := make(chan error, 1)
	go func() {
		n, err := io.Copy(io.Discard, conn)
		seen.Answers.Add(n)
		closed <- errors.Join(err, io.EOF)
	}()
	for n := 0; ; n++ {
		select {
		case err := <-closed:
			return err
		case <-time.After(time.Second):
		}
		if _, err := fmt.Fprintf(conn, "X-Header-%d: %d\r\n", n, n); err != nil {
			_ = conn.Close()
			return errors.Join(err, <-closed)
		}
	}
}

func slowlorisTLS(ctx context.Context, address string, count int, seen *Seen) error {
	return connections(ctx, address, count, seen, func(conn net.Conn) error {
		return drip(tls.Client(conn, certificate.Any()), seen)
	})
}

func silent(ctx context.Context, address string, count int, seen *Seen) error {
	return connections(ctx, address, count, seen, func(conn net.Conn) error {
		n, err := io.Copy(io.Discard, conn)
		seen.Answers.Add(n)
		return errors.Join(err, io.EOF)
	})
}

// handshakes sends the first message of TLS, and never the second. One is made by
// crypto/tls and copied.
func handshakes(ctx context.Context, address string, count int, seen *Seen) error {
	hello, err := clientHello(ctx)
	if err != nil {
		return err
	}
	return connections(ctx, address, count, seen, func(conn net.Conn) error {
		if _, err := conn.Write(hello); err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, conn)
		seen.Answers.Add(n)
		return errors.Join(err, io.EOF)
	})
}

func clientHello(ctx context.Context) ([]byte, error) {
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = tls.Client(near, certificate.Any()).HandshakeContext(ctx) // it never ends
	}()
	hello := make([]byte, 16<<10)
	n, err := far.Read(hello)
	cancel()
	<-ended
	return hello[:n], errors.Join(err, near.Close(), far.Close())
}

// fleet returns a raid of clients of the stream.
func fleet(gzip, stall bool, stream string) func(context.Context, string, int, *Seen) error {
	return func(ctx context.Context, address string, count int, seen *Seen) (err error) {
		server, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		path := "/api/sse"
		if stream != "" {
			path += "?stream=" + stream
		}
		f, err := load.NewFleet(load.Options{Server: server, Path: path, Gzip: gzip, Offset: 1 << 20})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		opened, err := f.Open(ctx, count, stall)
		seen.Opened.Add(int64(opened.Clients))
		seen.Failed.Add(int64(opened.Failed))
		if err != nil {
			return err
		}
		<-ctx.Done()
		counts, err := f.Counts()
		seen.Closed.Add(int64(counts.Gone))
		return err
	}
}

// Serve raids until in ends, and then tells the first of out what was seen.
func Serve(in io.Reader, name, address string, count int) (Plain, error) {
	r, err := Find(name)
	if err != nil {
		return Plain{}, err
	}
	// More descriptors than that would take the memory of the machine.
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < limit.Max {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	seen := new(Seen)
	err = r.Run(ctx, address, count, seen)
	return seen.Plain(), err
}

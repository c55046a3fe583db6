// Package load is the load generator: a Fleet of clients that read a stream, and
// a Driver that publishes to it and measures what arrives.
//
// # What a client costs
//
// A client is a socket and some two hundred bytes: no goroutine, no buffer. One
// thread waits for all sockets with epoll, reads each that is ready into one
// shared buffer, and looks for markers in it. So the load takes less processor
// time for a delivery than any server takes for sending it, and what is measured
// is the server.
//
// # Threads
//
// All state of clients and phases belongs to the reader's thread. Others hand it
// functions to run between two waits. Every Fleet has one, from NewFleet to
// Close; Close waits for its end.
package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/bench/clock"
	"github.com/polluxhub/pollux/bench/wire"
)

const (
	batch      = 512       // sockets that are taken from one wait
	bufferSize = 256 << 10 // of the buffer that all clients read into
	wakeUp     = -1        // in place of a client's index: somebody has work

	// nap is how long the reader sleeps before it waits again. While it sleeps
	// nobody has to wake it; without, nearly every write of a server would wake
	// this thread on another core, which real clients do not ask of it, and which
	// was measured to cost as much as a third of the write.
	nap = 200 * time.Microsecond
)

// Fleet is many clients of one server. Its methods are safe for concurrent use,
// but only one phase and one Open can be under way at a time.
type Fleet struct {
	server  netip.AddrPort
	request []byte
	offset  int // of this fleet's source addresses

	epoll, wake int
	ended       chan struct{}

	mu    sync.Mutex
	tasks []func()
	shut  bool // no more tasks are taken

	// What follows belongs to the reader's thread.
	clients     []client
	buffer      []byte
	phase       *phase
	opening     *opening
	streaming   int
	samples     int
	stalled     int
	stalledGone int
	gone        int
	failure     error // the first of a client's stream
	closing     bool
}

// Options says whom the clients of a Fleet ask for what.
type Options struct {
	Server netip.AddrPort
	Path   string
	Gzip   bool // offer gzip

	// Offset is the number of the first client, from which its source address
	// follows. Fleets that work on one server at a time have different ones.
	Offset int
}

// NewFleet returns a Fleet without clients, and starts its thread.
func NewFleet(o Options) (*Fleet, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("load: epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load: eventfd: %w", err), unix.Close(epoll))
	}
	f := &Fleet{
		server: o.Server,
		offset: o.Offset,
		epoll:  epoll,
		wake:   wake,
		ended:  make(chan struct{}),
		buffer: make([]byte, bufferSize),
	}
	encoding := ""
	if o.Gzip {
		encoding = "Accept-Encoding: gzip\r\n"
	}
	f.request = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n%s\r\n", o.Path, o.Server, encoding)
	if err := f.control(unix.EPOLL_CTL_ADD, wake, unix.EPOLLIN, wakeUp); err != nil {
		return nil, errors.Join(err, unix.Close(epoll), unix.Close(wake))
	}
	go f.run()
	return f, nil
}

// errClosed is returned by methods of a Fleet after its Close.
var errClosed = errors.New("load: fleet is closed")

// do runs task on the reader's thread and waits for it.
func (f *Fleet) do(task func()) error {
	done := make(chan struct{})
	f.mu.Lock()
	if f.shut {
		f.mu.Unlock()
		return errClosed
	}
	f.tasks = append(f.tasks, func() { task(); close(done) })
	f.mu.Unlock()
	one := binary.NativeEndian.AppendUint64(nil, 1)
	if _, err := unix.Write(f.wake, one); err != nil {
		return fmt.Errorf("load: wake: %w", err)
	}
	<-done
	return nil
}

// Close disconnects all clients and ends the thread.
func (f *Fleet) Close() error {
	err := f.do(func() {
		f.disconnect()
		f.closing = true
		f.mu.Lock()
		f.shut = true
		f.mu.Unlock()
	})
	if errors.Is(err, errClosed) {
		return nil
	}
	<-f.ended
	return errors.Join(err, unix.Close(f.epoll), unix.Close(f.wake))
}

// Disconnect closes all clients. The Fleet can open new ones.
func (f *Fleet) Disconnect() error { return f.do(f.disconnect) }

func (f *Fleet) disconnect() {
	for i := range f.clients {
		f.drop(&f.clients[i])
	}
	f.clients = f.clients[:0]
	f.streaming, f.samples, f.stalled, f.stalledGone, f.gone, f.failure = 0, 0, 0, 0, 0, nil
}

// Counts is how many clients there are, and of which kind.
type Counts struct {
	Streaming   int    `json:"streaming"`
	Gone        int    `json:"gone"` // were closed by the server
	Stalled     int    `json:"stalled"`
	StalledGone int    `json:"stalledGone"` // stalled ones that have noticed their end
	Failure     string `json:"failure,omitempty"`
}

// Counts returns how many clients there are now.
func (f *Fleet) Counts() (c Counts, err error) {
	err = f.do(func() {
		c = Counts{f.streaming, f.gone, f.stalled, f.stalledGone, ""}
		if f.failure != nil {
			c.Failure = f.failure.Error()
		}
	})
	return c, err
}

// begin starts a phase of at most so many events, of which the first is given.
func (f *Fleet) begin(first uint32, most int, documents [][]byte) (p *phase, err error) {
	err = f.do(func() {
		expect := f.streaming
		if documents != nil {
			expect = f.samples
		}
		p = newPhase(first, expect, most, documents)
		for i := range f.clients {
			f.clients[i].begin(first)
		}
		f.phase = p
	})
	return p, err
}

// end ends the phase that is under way and sums it up.
func (f *Fleet) end(published int, detail bool) (r Report, err error) {
	err = f.do(func() {
		r = f.phase.report(published, detail)
		r.Readers = f.streaming
		f.phase = nil
	})
	return r, err
}

func (f *Fleet) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(f.ended)
	events := make([]unix.EpollEvent, batch)
	for !f.closing {
		n, err := unix.EpollWait(f.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			panic(err) // only a mistake of this package makes epoll fail
		}
		for _, event := range events[:max(n, 0)] {
			if event.Fd == wakeUp {
				f.work()
				continue
			}
			// A task may have disconnected everybody in the middle of a batch.
			if int(event.Fd) < len(f.clients) {
				f.ready(&f.clients[event.Fd])
			}
		}
		if f.phase != nil && n < batch {
			rest := unix.NsecToTimespec(nap.Nanoseconds())
			// Sleeping less than it was meant to does no harm.
			_ = unix.Nanosleep(&rest, nil)
		}
	}
}

// work runs what others have asked for.
func (f *Fleet) work() {
	var count [8]byte
	if _, err := unix.Read(f.wake, count[:]); err != nil && !errors.Is(err, unix.EAGAIN) {
		panic(err)
	}
	f.mu.Lock()
	tasks := f.tasks
	f.tasks = nil
	f.mu.Unlock()
	for _, task := range tasks {
		task()
	}
}

// ready does what a client's socket is ready for.
func (f *Fleet) ready(c *client) {
	switch c.state {
	case closed:
	case connecting:
		f.connected(c)
	case stalled:
		f.stalledGone++
		f.drop(c)
	default:
		f.read(c)
	}
}

func (f *Fleet) read(c *client) {
	n, err := unix.Read(int(c.fd), f.buffer)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return
	case err != nil, n == 0:
		f.lose(c, errEnd)
		return
	}
	now := clock.Now()
	b := f.buffer[:n]
	if c.state == asking {
		if b, err = f.answered(c, b); err != nil {
			f.lose(c, err)
			return
		}
		if c.state != streaming {
			return
		}
	}
	if f.phase != nil {
		f.phase.bytes += int64(len(b))
	}
	if err := c.feed(b, f.phase, now); err != nil {
		if f.phase != nil && !errors.Is(err, errEnd) {
			f.phase.broken++
		}
		f.lose(c, err)
	}
}

// errEnd is why a client is lost whose server has closed it.
var errEnd = errors.New("load: the server has closed a stream")

// lose drops a client that has failed, or that the server has closed.
func (f *Fleet) lose(c *client, reason error) {
	if f.failure == nil {
		f.failure = reason
	}
	if c.state == streaming {
		f.gone++
		f.streaming--
		f.drop(c)
		if f.phase != nil {
			f.phase.left()
		}
		return
	}
	f.drop(c)
	f.opening.settle(f, false)
}

// drop closes a client's socket, which takes it out of the epoll set.
func (f *Fleet) drop(c *client) {
	if c.state == closed {
		return
	}
	c.state = closed
	c.head, c.sample = nil, nil
	if err := unix.Close(int(c.fd)); err != nil && f.failure == nil {
		f.failure = fmt.Errorf("load: close: %w", err)
	}
}

// control changes what is waited for on a descriptor.
func (f *Fleet) control(operation, fd int, events uint32, index int32) error {
	event := unix.EpollEvent{Events: events, Fd: index}
	if err := unix.EpollCtl(f.epoll, operation, fd, &event); err != nil {
		return fmt.Errorf("load: epoll: %w", err)
	}
	return nil
}

// answered takes the bytes of an answer's head, and returns what comes after it.
func (f *Fleet) answered(c *client, b []byte) ([]byte, error) {
	if c.head != nil {
		b = append(c.head, b...)
	}
	head, n, err := wire.ParseHead(b)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		c.head = append([]byte{}, b...) // b is in the shared buffer
		return nil, nil
	}
	c.head = nil
	if head.Status != 200 || !head.Events {
		return nil, fmt.Errorf("load: the server answers %d, event stream: %t", head.Status, head.Events)
	}
	c.chunked, c.gzip = head.Chunked, head.Gzip
	return b[n:], f.admit(c)
}

package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/bench/clock"
)

const (
	// atOnce is how many connections are being made at a time: fewer than the
	// shortest queue of a server under test, which is Node's 511.
	atOnce = 256

	// perAddress is how many clients share a source address, so that its ports,
	// some 28,000 by default, do not run out.
	perAddress = 4096

	// perSample is how many clients there are for one whose stream is looked at
	// closely, but there are at least fewSamples of these.
	perSample  = 100
	fewSamples = 10

	// stalledBuffer is the receive buffer of clients that stop reading, in bytes.
	// It must be set before the connection is made, or the kernel swallows
	// megabytes.
	stalledBuffer = 4096
)

// opening is an Open that is under way.
type opening struct {
	want, launched, opened, failed int
	stall                          bool
	begun, ended                   int64
	done                           chan struct{}
}

// Opened is what came of an Open.
type Opened struct {
	Clients int     `json:"clients"`
	Failed  int     `json:"failed"`
	Seconds float64 `json:"seconds"` // from the first connect to the last answer
	Gzip    bool    `json:"gzip"`    // the answers are compressed
	Failure string  `json:"failure,omitempty"`
}

// Open makes n clients and returns when each has been answered, has failed, or
// ctx has ended. Clients that stall read the head of the answer and nothing more.
func (f *Fleet) Open(ctx context.Context, n int, stall bool) (Opened, error) {
	o := &opening{want: n, stall: stall, done: make(chan struct{})}
	err := f.do(func() {
		// Clients are pointed to while new ones are added: they must not move.
		f.clients = slices.Grow(f.clients, n)
		f.opening = o
		o.begun = clock.Now()
		o.launch(f)
	})
	if err != nil {
		return Opened{}, err
	}
	select {
	case <-o.done:
	case <-ctx.Done():
	}
	var result Opened
	err = f.do(func() {
		result = Opened{Clients: o.opened, Failed: n - o.opened}
		if o.ended == 0 {
			o.ended = clock.Now()
			f.abandon(o)
		}
		result.Seconds = float64(o.ended-o.begun) / 1e9
		for i := range f.clients {
			result.Gzip = result.Gzip || f.clients[i].gzip
		}
		if f.failure != nil {
			result.Failure = f.failure.Error()
		}
	})
	return result, err
}

// launch makes connections until enough are under way.
func (o *opening) launch(f *Fleet) {
	for o.launched < o.want && o.launched-o.opened-o.failed < atOnce {
		o.launched++
		if err := f.connect(o.stall); err != nil {
			if f.failure == nil {
				f.failure = err
			}
			o.failed++
		}
	}
	if o.opened+o.failed == o.want && o.ended == 0 {
		o.ended = clock.Now()
		close(o.done)
	}
}

// settle takes note that a client is there, or never will be.
func (o *opening) settle(f *Fleet, ok bool) {
	if o.ended != 0 {
		return
	}
	if ok {
		o.opened++
	} else {
		o.failed++
	}
	o.launch(f)
}

// abandon closes the clients that have not been answered in time.
func (f *Fleet) abandon(o *opening) {
	o.want = o.launched
	for i := range f.clients {
		if c := &f.clients[i]; c.state == connecting || c.state == asking {
			f.drop(c)
		}
	}
}

// connect begins to make one client.
func (f *Fleet) connect(stall bool) (err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	if stall {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, stalledBuffer); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	// The port is chosen when the destination is known: only then may two
	// connections from one port be told apart by it.
	if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: source(f.offset + len(f.clients))}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	server := &unix.SockaddrInet4{Port: int(f.server.Port()), Addr: f.server.Addr().As4()}
	if err := unix.Connect(fd, server); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return os.NewSyscallError("connect", err)
	}
	index := int32(len(f.clients))
	if err := f.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLOUT, index); err != nil {
		return err
	}
	f.clients = append(f.clients, client{fd: int32(fd), index: index, stall: stall})
	return nil
}

// source returns the source address of the client with that number: one of
// 127.77.0.0/16, which is enough for a million clients.
func source(number int) [4]byte {
	block := number / perAddress
	return [4]byte{127, 77, byte(block), byte(block>>8) + 1}
}

// connected sends the request of a client whose connection is there.
func (f *Fleet) connected(c *client) {
	fd := int(c.fd)
	number, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && number != 0 {
		err = unix.Errno(number)
	}
	if err != nil {
		f.lose(c, os.NewSyscallError("connect", err))
		return
	}
	// The request is far smaller than the buffer of a socket.
	if n, err := unix.Write(fd, f.request); err != nil || n != len(f.request) {
		f.lose(c, fmt.Errorf("load: %d of %d bytes of the request sent: %w", n, len(f.request), err))
		return
	}
	c.state = asking
	if err := f.watch(c, unix.EPOLLIN); err != nil {
		f.lose(c, err)
	}
}

// watch changes what is waited for on a client's socket.
func (f *Fleet) watch(c *client, events uint32) error {
	return f.control(unix.EPOLL_CTL_MOD, int(c.fd), events, c.index)
}

// admit makes a client that has been answered one that streams, or stalls.
func (f *Fleet) admit(c *client) error {
	if c.stall {
		if err := f.watch(c, 0); err != nil { // hang-ups are reported all the same
			return err
		}
		c.state = stalled
		f.stalled++
		f.opening.settle(f, true)
		return nil
	}
	c.state = streaming
	if f.samples < fewSamples || f.streaming%perSample == 0 {
		c.sample = new(sample)
		f.samples++
	}
	f.streaming++
	f.opening.settle(f, true)
	return nil
}

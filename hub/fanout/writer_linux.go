package fanout

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/wheel"
)

// writer owns the connections of a part of the clients, and everything that belongs to
// them. Until join has returned true, the descriptor of a client belongs to the goroutine
// of its handler, which writes the greeting. From then on only the goroutine of the
// writer writes to it and closes it, and only while the client is adopted. So nothing is
// written to a descriptor that was closed, and whose number another connection may have
// got. The generation of a client reveals an event of epoll that comes late.
type writer struct {
	engine  *Engine
	group   *hub.Group
	poll    *poll
	yielder *yielder
	joins   chan *Client // not buffered: a client that was sent is adopted
	quit    chan struct{}

	clients    []*Client // by slot; nil where free
	free       []uint32  // slots
	count      int
	generation uint32 // of the client that was adopted last

	wheel    wheel.Wheel // of slots
	tick     time.Duration
	begin    time.Time // of tick 0
	countsTo uint32    // see countsTo
	draining bool

	postponed []*Client // with more to write than a client gets at once
	waiting   []*Client // that get more when clients hold less, see holdings
	unblocked unblocked // whose next event was being made

	ready []*hub.Subscription // scratch
	bufs  [][]byte            // scratch
	iov   []unix.Iovec        // scratch
}

// maxPortions is how many portions a client gets before others have their turn.
const maxPortions = 2

// ticksPerInterval is how finely the wheel divides the shortest interval.
const ticksPerInterval = 32

func newWriter(e *Engine) (*writer, error) {
	poll, err := newPoll()
	if err != nil {
		return nil, err
	}
	yielder, err := newYielder()
	if err != nil {
		poll.close()
		return nil, err
	}
	shortest := min(e.opts.Heartbeat, e.opts.WriteTimeout, e.opts.MaxAge)
	return &writer{
		engine:    e,
		group:     e.opts.Hub.NewGroup(),
		poll:      poll,
		yielder:   yielder,
		joins:     make(chan *Client),
		quit:      make(chan struct{}),
		unblocked: unblocked{wake: make(chan struct{}, 1)},
		tick:      min(max(shortest/ticksPerInterval, time.Millisecond), 250*time.Millisecond),
		begin:     time.Now(),
		countsTo:  countsTo,
		iov:       make([]unix.Iovec, 0, 2*portionEvents+1),
	}, nil
}

// join hands a client over. It reports false if the writer has ended.
func (w *writer) join(c *Client) bool {
	select {
	case w.joins <- c:
		return true
	case <-w.quit:
		return false
	}
}

// run works until ctx ends, then cuts the streams that are left.
func (w *writer) run(ctx context.Context) {
	polling := make(chan struct{})
	go func() {
		defer close(polling)
		w.poll.run(w.quit)
	}()
	ticker := time.NewTicker(w.tick)
	defer ticker.Stop()
	drain, review := w.engine.drain, w.engine.ReviewBegins()
	for done := false; !done; {
		select {
		case <-w.group.Wake():
			w.serveReady()
		case events := <-w.poll.found:
			for i := range events {
				w.react(&events[i])
			}
			w.poll.taken <- struct{}{}
		case <-w.morePostponed():
			w.servePostponed()
		case <-w.unblocked.wake:
			w.serveUnblocked()
		case c := <-w.joins:
			w.adopt(c)
		case now := <-ticker.C:
			w.advance(now)
			w.admitWaiting()
		case <-drain:
			drain = nil
			w.drain()
		case <-review:
			review = w.engine.ReviewBegins() // of the next one
			w.review()
		case <-ctx.Done():
			done = true
		}
	}
	close(w.quit)
	for _, c := range w.clients {
		if c != nil {
			w.remove(c, ReasonHub)
		}
	}
	w.poll.close()
	<-polling
	w.yielder.close()
}

func (w *writer) ticks(d time.Duration) uint32 { return uint32(d / w.tick) }

// adopt makes the writer the owner of the client.
func (w *writer) adopt(c *Client) {
	if n := len(w.free); n > 0 {
		c.slot, w.free = w.free[n-1], w.free[:n-1]
	} else {
		c.slot = uint32(len(w.clients))
		w.clients = append(w.clients, nil)
	}
	w.generation++
	c.generation = w.generation
	w.clients[c.slot] = c
	w.count++
	c.adopted = true

	c.wroteAt = w.wheel.Now()
	c.silence = max(w.ticks(w.engine.silence()), 1)
	w.lifetime(c, w.expiry(c))
	w.schedule(c)
	if !c.pending.isNil() { // the socket did not take the whole greeting
		w.block(c)
	} else {
		w.watch(c)
	}
	if err := w.poll.add(c.fd, c.slot, c.generation, c.carrier != nil); err != nil {
		w.engine.opts.Logger.Error("connection not watched", "client", c.id, "error", err)
		w.remove(c, ReasonError)
		return
	}
	if c.carrier != nil {
		w.hear(c) // what TLS has read together with the request
	}
	if c.adopted {
		w.pump(c) // for events that came after the greeting
	}
}

// remove closes the connection and gives up the client.
func (w *writer) remove(c *Client, reason EndReason) {
	c.adopted = false
	w.clients[c.slot] = nil
	w.wheel.Remove(c.slot)
	w.free = append(w.free, c.slot)
	w.count--
	w.engine.dismissSocket(c.fd, reason)
	c.pending, c.backlog, c.carrier = few[[]byte]{}, few[*hub.Event]{}, nil
	c.finish(reason)
	if w.count == 0 { // no client is left, so all memory can go
		w.clients, w.free, w.ready, w.bufs = nil, nil, nil, nil
		w.wheel.Clear()
	}
}

// yieldAfter is after how many clients the writer lets others run, so that clients that
// join do not wait for all writes that are due.
const yieldAfter = 64

// serveReady serves each client that has something to receive. It looks at the clock once
// for yieldAfter clients, to note how long after the publication they were served.
func (w *writer) serveReady() {
	w.engine.lull.leave()
	defer w.engine.lull.enter()
	var since time.Time
	w.ready, since = w.group.Ready(w.ready[:0])
	served := uint64(0)
	for i, s := range w.ready {
		if c, ok := s.Owner().(*Client); ok && c.adopted && c.subscription == s {
			if c.pending.isNil() {
				served++
			}
			w.pump(c)
		}
		if i%yieldAfter == yieldAfter-1 {
			w.engine.stats.delays.note(since, served)
			served = 0
			w.yield()
		}
	}
	w.engine.stats.delays.note(since, served)
	clear(w.ready)
}

// yield lets other goroutines run, and adopts the clients that have joined.
func (w *writer) yield() {
	w.yielder.yield()
	for {
		select {
		case c := <-w.joins:
			w.adopt(c)
		default:
			return
		}
	}
}

// pump writes what is ready for the client, until there is no more or the socket is full.
// While it is full, large events stay in history.
func (w *writer) pump(c *Client) {
	if !c.pending.isNil() {
		c.pause(largeHeld)
		return
	}
	portions := 0
	for c.adopted && c.pending.isNil() && c.ending() == "" && !c.encoder.Waits() {
		if portions++; portions > maxPortions || w.wheel.Now() >= c.endAt {
			w.postpone(c)
			return
		}
		var state progress
		w.bufs, state = c.gather(w.bufs[:0], true, (*waitingClient)(c))
		switch state {
		case satisfied:
			w.end(c, ReasonLimit)
			return
		case broken:
			if !c.mayResubscribe() {
				w.write(c)
				w.awaitRoom(c)
				return
			}
			if reason := c.resubscribe(); reason != "" {
				w.end(c, reason)
				return
			}
		case drained, more, waiting:
		}
		w.write(c)
		if state == drained || state == waiting {
			return
		}
	}
}

// end writes bufs and the end of the stream, and gives up the client when the socket has
// taken that.
func (w *writer) end(c *Client, reason EndReason) {
	w.conclude(c, reason)
	w.bufs = append(w.bufs, c.terminator())
	w.write(c)
}

// write sends bufs. Buffers that the socket does not take become pending.
func (w *writer) write(c *Client) {
	if len(w.bufs) > 0 {
		defer clear(w.bufs) // or they would keep documents that history has dropped
		rest, cut, errno := c.send(w.bufs, w.iov)
		if errno != 0 {
			w.remove(c, lossReason(errno))
			return
		}
		c.wroteAt = w.wheel.Now()
		if rest != nil {
			c.keep(rest, cut)
			w.block(c)
			return
		}
		c.letGo()
		if c.ending() == "" {
			w.watch(c)
		}
	}
	if c.ending() != "" {
		w.remove(c, c.ending())
	}
}

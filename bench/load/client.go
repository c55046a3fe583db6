package load

import (
	"bytes"

	"github.com/polluxhub/pollux/bench/wire"
)

type state uint8

const (
	connecting state = iota // until the kernel has a connection
	asking                  // until the head of the answer is there
	streaming
	stalled // asked and answered, and reads no more
	closed
)

// client is one reader of the stream. There are tens of thousands, so it is
// small, and what few of them need is elsewhere.
type client struct {
	fd      int32
	index   int32 // by which epoll knows it
	state   state
	stall   bool // to be stalled as soon as the head is there
	chunked bool
	gzip    bool
	size    int32 // of the current chunk so far
	chunks  wire.Chunks
	finder  wire.Finder
	order   order
	counted uint32  // events counted by chunks, in this phase
	head    []byte  // the head of the answer, as long as it is cut
	sample  *sample // of the few that are looked at closely
}

// sample is a client whose stream is decompressed, and whose events are compared
// with what was sent where that is known.
type sample struct {
	inflater wire.Inflater
	events   wire.Events
	next     int // index of the document that should come
	// buffered is the pieces of the current chunk.
	buffered []byte
}

// heartbeatSize is the largest chunk of a compressed stream that is none of an
// event: an empty stored block, which is what a flush of nothing yields.
const heartbeatSize = 5

// begin makes the client ready for a phase.
func (c *client) begin(first uint32) {
	c.order.begin(first)
	c.counted = 0
	if c.sample != nil {
		c.sample.next = 0
	}
}

// feed takes what was read after the head. p is nil outside of phases.
func (c *client) feed(b []byte, p *phase, now int64) error {
	if !c.chunked {
		return c.body(b, false, p, now)
	}
	for {
		data, rest, end, err := c.chunks.Next(b)
		if err != nil {
			return err
		}
		if data == nil {
			if c.chunks.Over() {
				return errEnd // the connection may be kept, but the stream is over
			}
			return nil
		}
		if err := c.body(data, end, p, now); err != nil {
			return err
		}
		b = rest
	}
}

// body takes a piece of the body. end tells that a chunk ends with it.
func (c *client) body(b []byte, end bool, p *phase, now int64) error {
	if c.gzip {
		return c.compressed(b, end, p, now)
	}
	return c.plain(b, p, now)
}

// compressed takes a piece of a gzip stream. To decompress all of ten thousand
// streams would take more time than the server has for sending them, so of most
// clients the chunks are counted: an event is one chunk. The samples, which get
// the same bytes, prove that it is.
func (c *client) compressed(b []byte, end bool, p *phase, now int64) error {
	c.size += int32(len(b))
	if c.sample != nil {
		c.sample.buffered = append(c.sample.buffered, b...)
	}
	if !end {
		return nil
	}
	size := c.size
	c.size = 0
	if c.sample != nil {
		plain, err := c.sample.inflater.Feed(c.sample.buffered)
		c.sample.buffered = c.sample.buffered[:0]
		if err != nil {
			return err
		}
		return c.plain(plain, p, now)
	}
	if size > heartbeatSize && p != nil {
		if p.documents == nil {
			p.got(&c.order, p.first+c.counted, 0, now)
		}
		c.counted++
	}
	return nil
}

// plain takes a piece of the event stream itself.
func (c *client) plain(b []byte, p *phase, now int64) error {
	if c.sample != nil {
		// Fed even between phases, so as not to begin in the middle of an event.
		err := c.sample.events.Feed(b, func(data []byte) { c.compare(data, p, now) })
		if err != nil {
			return err
		}
	}
	for p != nil && p.documents == nil {
		seq, sent, rest, ok := c.finder.Next(b)
		if !ok {
			break
		}
		p.got(&c.order, seq, sent, now)
		b = rest
	}
	return nil
}

// compare looks whether the data of an event is one of the documents sent. What
// bears a marker is of another phase.
func (c *client) compare(data []byte, p *phase, now int64) {
	if p == nil || p.documents == nil || bytes.Contains(data, []byte(markerKey)) {
		return
	}
	i, ok := p.index(c.sample.next, data)
	if !ok {
		p.broken++
		return
	}
	c.sample.next = i + 1
	p.got(&c.order, p.first+uint32(i), 0, now)
}

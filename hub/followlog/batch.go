package followlog

import (
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/followlog/line"
)

// maxBatch bounds the events of a batch.
const maxBatch = 256

// event notes a document or a status. One that cannot be read, or that is larger than is
// accepted, is lost, and clients are told so where it is known what it was.
func (c *connection) event(one line.Line) {
	e, err := one.Decode()
	if err != nil || len(one.Data) > c.log.opts.MaxDocument {
		c.log.broken.Add(1)
		e = nil
	}
	var last *hub.Beginning
	if len(c.begins) > 0 && (c.waiting > 0 || c.status) {
		last = &c.begins[len(c.begins)-1]
	}
	id, unknown := hub.ParseID(one.ID)
	switch {
	case last != nil && c.waiting > 0:
		c.waiting--
		if e != nil {
			last.Events = append(last.Events, e)
		} else if unknown == nil {
			last.Lost = max(last.Lost, id.Seq())
		}
	case last != nil:
		c.status, last.Status = false, e
	case e != nil:
		c.events = append(c.events, e)
	case unknown == nil && id.Epoch() == c.at.Epoch() && id.Seq() > c.at.Seq():
		c.lost = append(c.lost, hub.Loss{Stream: one.Stream, UpTo: id.Seq()})
	}
}

// begin notes that the history of a stream follows.
func (c *connection) begin(one line.Line) error {
	var b line.Beginning
	at, err := hub.ParseID(one.ID)
	if err != nil || !c.decode(one, &b) {
		return c.flush()
	}
	if len(c.events) > 0 || !c.at.IsZero() && at.Epoch() != c.at.Epoch() {
		if err := c.flush(); err != nil {
			return err
		}
	}
	c.moveTo(at)
	c.begins = append(c.begins, hub.Beginning{Stream: one.Stream, Lost: b.Lost})
	c.waiting, c.status = b.Count, b.Status
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	c.begun[one.Stream] = true
	return nil
}

// moveTo begins another epoch if the position is of one. Nothing of it has begun then.
func (c *connection) moveTo(at hub.ID) {
	if c.at.Epoch() != at.Epoch() {
		c.at = at
		c.log.mu.Lock()
		defer c.log.mu.Unlock()
		clear(c.begun)
	}
}

// flush emits what was read.
func (c *connection) flush() error {
	if len(c.events)+len(c.begins)+len(c.lost) == 0 || c.waiting > 0 || c.status {
		return nil
	}
	batch := hub.Batch{After: c.at, Begins: c.begins, Lost: c.lost}
	for _, e := range c.events {
		// What another origin has told already comes again if this one was behind it.
		if e.ID().Epoch() == c.at.Epoch() && e.ID().Seq() > c.at.Seq() {
			batch.Events = append(batch.Events, e)
			c.at = e.ID()
		}
	}
	c.events, c.begins, c.lost = c.events[:0], nil, nil
	return c.send(batch)
}

func (c *connection) send(batch hub.Batch) error {
	c.log.read.Store(c.at.Seq())
	if err := c.emit(batch); err != nil {
		return &emitError{err}
	}
	return nil
}

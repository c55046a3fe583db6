package followlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/followlog/line"
	"github.com/polluxhub/pollux/internal/backoff"
)

// Errors of a connection.
var (
	errLoop    = errors.New("the origin follows this node, directly or by others: that would be a loop")
	errSilent  = fmt.Errorf("the origin has sent nothing for %v", Silence)
	errRemoved = errors.New("the origin follows another one that it does not hear")
)

// tail is one Tail.
type tail struct {
	log    *Log
	emit   func(hub.Batch) error
	at     hub.ID        // everything up to here was emitted
	offset time.Duration // of the clock of the origin
	since  time.Time     // when there was no connection first; zero while there is one

	begun map[string]bool // the streams that have begun; guarded by Log.mu
}

// Tail implements [hub.Log]. The first call to emit comes as soon as an origin has told its
// epoch.
func (l *Log) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	t := &tail{log: l, emit: emit, begun: map[string]bool{}, since: time.Now()}
	l.mu.Lock()
	l.tails[t] = struct{}{}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.tails, t)
	}()
	wait := backoff.New(minWait, maxWait, l.opts.Random)
	for i := 0; ; i++ {
		began := time.Now()
		c := &connection{tail: t, origin: i % len(l.origins)}
		err := c.run(ctx)
		var failed *emitError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &failed):
			return failed.err
		}
		if c.heard {
			wait.Reset()
			t.since = time.Now()
		}
		l.noteFailure(i%len(l.origins), err)
		delay := wait.Next()
		if (i+1)%len(l.origins) != 0 && !c.heard {
			delay = min(delay, minWait) // there is another one
		}
		if err := t.pause(ctx, time.Until(began.Add(delay))); err != nil {
			return err
		}
	}
}

// pause waits before the next attempt, and tells meanwhile that there is no origin.
func (t *tail) pause(ctx context.Context, delay time.Duration) error {
	next := time.NewTimer(delay)
	defer next.Stop()
	grace := time.NewTimer(time.Until(t.since.Add(Grace)))
	defer grace.Stop()
	for {
		select {
		case <-next.C:
			t.tellLost()
			return nil
		case <-grace.C:
			t.tellLost()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tellLost tells that there was no origin for a while.
func (t *tail) tellLost() {
	if time.Since(t.since) >= Grace && !t.log.lost.Swap(true) {
		t.log.opts.Lost(true)
	}
}

// noteFailure notes why there is no connection, and tells the log if that is new.
func (l *Log) noteFailure(origin int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reason := "the origin has ended the connection"
	if err != nil {
		reason = err.Error()
	}
	if l.reasons[origin] != reason {
		l.opts.Logger.Warn("no connection to the origin", "origin", l.origins[origin].Host, "reason", reason)
	}
	l.reasons[origin], l.session, l.cut = reason, "", nil
}

// emitError is an error of the function that gets the batches.
type emitError struct{ err error }

func (e *emitError) Error() string { return e.err.Error() }

// connection is one request that reads.
type connection struct {
	*tail
	origin int
	heard  bool   // the origin hears the one that polls
	target uint64 // the head when the connection began; 0 before that is known

	// What was read and not emitted yet.
	events  []*hub.Event
	begins  []hub.Beginning
	lost    []hub.Loss
	waiting int  // documents that the last of begins still gets
	status  bool // and then its status
}

// run reads from an origin until that fails.
func (c *connection) run(ctx context.Context) error {
	l := c.log
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.mu.Lock()
	request := line.Request{Node: l.opts.Node, After: c.at.String(), Has: slices.Sorted(maps.Keys(c.begun)), Want: slices.Sorted(maps.Keys(l.wanted))}
	l.told = maps.Clone(l.wanted)
	l.mu.Unlock()
	silent := time.AfterFunc(2*Silence, func() { cancel(errSilent) })
	defer silent.Stop()
	resp, err := l.post(ctx, c.origin, "/api/follow", request)
	if err != nil {
		return cause(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return statusError(resp)
	}
	lines := newLines(resp.Body, l.opts.MaxDocument+maxLineOverhead)
	for {
		silent.Reset(Silence)
		text, err := lines.next()
		if err != nil {
			return cause(ctx, errors.Join(c.flush(), err))
		}
		var one line.Line
		if text == nil || json.Unmarshal(text, &one) != nil { // longer than is accepted, or no line
			one = line.Line{Event: line.Message}
		}
		if err := c.handle(one, func() { cancel(nil) }); err != nil {
			return err
		}
		if !lines.buffered() || len(c.events) >= maxBatch {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
}

// maxBatch bounds the events of a batch.
const maxBatch = 256

// cause returns why a connection has ended.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil {
		return why
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// handle notes what a line says.
func (c *connection) handle(one line.Line, cut func()) error {
	switch one.Event {
	case line.Message, line.Status: // also a line that nobody can read: it may have been one
		c.event(one)
		return nil
	case line.Begin:
		c.log.accepted(one.Stream)
		return c.begin(one)
	}
	if err := c.flush(); err != nil {
		return err
	}
	switch one.Event {
	case line.Hello:
		return c.hello(one, cut)
	case line.Streams:
		var list []line.Stream
		if c.decode(one, &list) {
			c.forget(list)
			c.log.opts.Streams(list)
		}
	case line.Upstreams:
		var list []line.Upstream
		if c.decode(one, &list) {
			c.log.setUpstreams(list)
		}
	case line.Refused:
		c.log.again(one.Stream)
	case line.Heartbeat:
		var beat line.Beat
		if c.decode(one, &beat) {
			return c.beat(one, beat)
		}
	}
	return nil
}

// decode decodes the data of a line.
func (c *connection) decode(one line.Line, into any) bool {
	if err := json.Unmarshal(one.Data, into); err != nil {
		c.log.broken.Add(1)
		return false
	}
	return true
}

func (c *connection) hello(one line.Line, cut func()) error {
	var g line.Greeting
	if !c.decode(one, &g) {
		return nil
	}
	l := c.log
	if slices.Contains(g.Path, l.opts.Node) {
		return errLoop
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at, l.session, l.cut, l.path = c.origin, g.Session, cut, g.Path
	l.wake()
	return nil
}

// forget forgets the streams that the origin no longer has.
func (c *connection) forget(list []line.Stream) {
	known := map[string]bool{}
	for _, s := range list {
		known[s.Name] = true
	}
	gone := func(name string) bool { stream, _ := hub.SplitName(name); return !known[stream] }
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	maps.DeleteFunc(c.begun, func(name string, _ bool) bool { return gone(name) })
	maps.DeleteFunc(c.log.upstreams, func(name string, _ hub.Upstream) bool { return gone(name) })
}

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

// beat tells the head, and the position up to which there was nothing to be told.
func (c *connection) beat(one line.Line, beat line.Beat) error {
	l := c.log
	if offset := offsetOf(beat.Now, time.Now(), c.offset); offset != c.offset {
		c.offset = offset
		l.opts.Clock(offset)
	}
	head, err := hub.ParseID(beat.Head)
	if err != nil {
		return nil //nolint:nilerr // the origin does not know its epoch yet
	}
	at, err := hub.ParseID(one.ID)
	if err != nil {
		return nil //nolint:nilerr // the reader has nothing of this epoch yet
	}
	c.moveTo(at)
	batch := hub.Batch{After: c.at, Head: head}
	if at.Seq() > c.at.Seq() {
		c.at, batch.End = at, at.Seq()
	}
	l.head.Store(head.Seq())
	if err := c.send(batch); err != nil {
		return err
	}
	if beat.Lost {
		if len(l.origins) > 1 {
			return errRemoved
		}
		if c.since.IsZero() {
			c.since = time.Now()
		}
		c.tellLost()
		return nil
	}
	c.since = time.Time{}
	c.noteSuccess()
	if c.target == 0 {
		c.target = head.Seq()
	}
	if c.at.Seq() >= c.target && l.lost.Swap(false) {
		l.opts.Lost(false)
	}
	return nil
}

// noteSuccess notes that there is an origin.
func (c *connection) noteSuccess() {
	if c.heard {
		return
	}
	c.heard = true
	l := c.log
	l.connects.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.reasons)
	l.opts.Logger.Info("following", "origin", l.origins[c.origin].Host, "path", l.path)
}

// minOffset is the difference between two clocks that counts as one.
const minOffset = 250 * time.Millisecond

// offsetOf returns by how much the clock of the origin is ahead. What a message takes is not
// known, so small changes are none.
func offsetOf(theirs, ours time.Time, before time.Duration) time.Duration {
	offset := theirs.Sub(ours.Round(0))
	if offset.Abs() < minOffset {
		return 0
	}
	if (offset - before).Abs() < minOffset {
		return before
	}
	return offset
}

func (l *Log) setUpstreams(list []line.Upstream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range list {
		l.upstreams[u.Name] = u.Upstream()
	}
}

// statusError says what an origin has answered.
func statusError(resp *http.Response) error {
	const most = 300
	var p struct{ Detail string }
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err == nil && json.Unmarshal(bytes.TrimSpace(body), &p) == nil && p.Detail != "" {
		return fmt.Errorf("the origin has answered %d: %.*s", resp.StatusCode, most, p.Detail)
	}
	return fmt.Errorf("the origin has answered %d", resp.StatusCode)
}

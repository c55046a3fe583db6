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
)

// Errors of a connection.
var (
	errLoop    = errors.New("the origin follows this node, directly or by others: that would be a loop")
	errSilent  = fmt.Errorf("the origin has sent nothing for %v", Silence)
	errRemoved = errors.New("the origin follows another one that it does not hear")
)

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

func (l *Log) setUpstreams(list []line.Upstream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range list {
		l.upstreams[u.Name] = u.Upstream()
	}
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

// noteSuccess records that the origin has answered, and logs it once for each connection.
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

package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/followlog/line"
)

const (
	// beatEvery is how often a follower gets a heartbeat, whatever else it gets.
	beatEvery = time.Second

	// followChunk is how much is written to a follower with one deadline, in bytes.
	followChunk = 64 << 10

	// keptBuffer is the size of the largest buffer that is kept for the next lines, in bytes. A
	// follower may stay for weeks after a large document.
	keptBuffer = 2 * followChunk

	// followLevel is that of gzip for a follower, which takes little time for each of many
	// documents.
	followLevel = 2

	// keysAtOnce is of how many keys a follower is told the upstream with one heartbeat.
	keysAtOnce = 1000
)

// followStream writes the lines for one follower. It belongs to the goroutine of the request.
type followStream struct {
	*session
	expires  time.Time
	review   <-chan struct{} // of the engine: the next one
	w        http.ResponseWriter
	packed   *gzip.Writer // writes to w; nil if the follower does not want gzip
	buffer   []byte
	greeting line.Greeting
	streams  []byte          // as they were told
	known    map[string]bool // the streams in them
	told     map[string]line.Upstream
	turn     int // the first of the wanted keys whose upstream is told with the next heartbeat
}

// run writes until the follower leaves, its token expires, or the server ends.
func (f *followStream) run(c echo.Context, name string) error {
	header := c.Response().Header()
	setStreamHeaders(c)
	header.Set("Content-Type", contentTypeOf(true))
	f.w, f.greeting.Session = c.Response().Writer, name
	if !f.server.DisableCompression {
		header.Add("Vary", "Accept-Encoding")
	}
	if !f.server.DisableCompression && acceptsGzip(c.Request().Header) {
		header.Set("Content-Encoding", "gzip")
		var err error
		if f.packed, err = gzip.NewWriterLevel(f.w, followLevel); err != nil {
			return err
		}
		defer func() { _ = f.packed.Close() }() // the follower may have left
	}
	c.Response().WriteHeader(http.StatusOK)
	ctx := c.Request().Context()
	if err := errors.Join(f.greet(), f.describe(), f.beat()); err != nil {
		return err
	}
	due := time.Now().Add(beatEvery)
	for f.flush() == nil && !f.server.Engine.Draining() && f.mayStay() {
		wait, cancel := context.WithDeadline(ctx, due)
		part, err := f.follower.Next(wait)
		cancel()
		switch {
		case err == nil:
			err = f.part(part)
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			err = nil
		default:
			return nil // the follower has left, or the hub has ended: the answer ends with it
		}
		if now := time.Now(); err == nil && !now.Before(due) {
			due = now.Add(beatEvery)
			err = errors.Join(f.greet(), f.upstreams(), f.beat())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mayStay reports whether the follower may still read what it reads. If not, it may come
// back, and read less.
func (f *followStream) mayStay() bool {
	select {
	case <-f.review:
		f.review = f.server.Engine.ReviewBegins() // of the next one
		f.expires = f.until()
		lost := func(s line.Stream) bool { return f.known[s.Name] && !f.may(s.Name, s.Keys != nil) }
		if slices.ContainsFunc(f.server.Followed(), lost) || f.lacks() || f.describe() != nil {
			return false
		}
	default:
	}
	return f.expires.IsZero() || time.Now().Before(f.expires)
}

func (f *followStream) add(l line.Line, data any) (err error) {
	f.buffer, err = line.Append(f.buffer, l, data)
	return err
}

// greet says who answers, if that has changed.
func (f *followStream) greet() error {
	here := f.server.Following()
	if f.greeting.Node == here.Node && slices.Equal(f.greeting.Path, here.Path) {
		return nil
	}
	f.greeting.Node, f.greeting.Path = here.Node, here.Path
	return f.add(line.Line{Event: line.Hello}, f.greeting)
}

// describe tells the streams that the follower may read, if they have changed.
func (f *followStream) describe() error {
	list := slices.DeleteFunc(f.server.Followed(), func(s line.Stream) bool { return !f.may(s.Name, s.Keys != nil) })
	text, err := json.Marshal(list)
	if err != nil || bytes.Equal(text, f.streams) {
		return err
	}
	f.streams, f.known = text, make(map[string]bool, len(list))
	for _, s := range list {
		f.known[s.Name] = true
	}
	return f.add(line.Line{Event: line.Streams}, json.RawMessage(text))
}

// part tells what the hub has for the follower.
func (f *followStream) part(p hub.Part) error {
	if p.Changed {
		if err := f.describe(); err != nil {
			return err
		}
	}
	for _, r := range p.Refused {
		class := hub.ErrorRemoved
		if errors.Is(r.Err, hub.ErrTooManyKeys) {
			class = hub.ErrorOverloaded
		}
		if err := f.add(line.Line{Event: line.Refused, Stream: r.Stream}, line.Refusal{Error: class}); err != nil {
			return err
		}
	}
	for _, b := range p.Begins {
		l := line.Line{Event: line.Begin, Stream: b.Stream, ID: p.At.String()}
		if err := f.add(l, line.Beginning{Lost: b.Lost, Count: len(b.Events), Status: b.Status != nil}); err != nil {
			return err
		}
		for _, e := range b.Events {
			f.buffer = line.AppendEvent(f.buffer, e)
			if err := f.flushFull(); err != nil {
				return err
			}
		}
		if b.Status != nil {
			f.buffer = line.AppendEvent(f.buffer, b.Status)
		}
	}
	for _, e := range p.Events {
		f.buffer = line.AppendEvent(f.buffer, e)
		if err := f.flushFull(); err != nil {
			return err
		}
	}
	return nil
}

// beat tells the position of the follower, the head of the hub, and the time.
func (f *followStream) beat() error {
	for _, r := range f.takeRefused() {
		if err := f.add(line.Line{Event: line.Refused, Stream: r.name}, line.Refusal{Error: r.class}); err != nil {
			return err
		}
	}
	at := f.follower.Position()
	if at.Epoch() != f.server.Hub.Position().Epoch() {
		at = hub.ID{} // it has nothing of this epoch yet
	}
	return f.add(line.Line{Event: line.Heartbeat, ID: at.String()}, line.Beat{Now: f.server.Hub.Now().UTC(), Head: f.server.Hub.Position().String(), Lost: f.server.Following().Lost})
}

// upstreams tells what has changed of the upstreams.
func (f *followStream) upstreams() error {
	var changed []line.Upstream
	tell := func(u hub.Upstream) {
		now := line.UpstreamOf(u)
		if before, told := f.told[now.Name]; !told || !reflect.DeepEqual(before, now) {
			f.told[now.Name] = now
			changed = append(changed, now)
		}
	}
	for _, u := range f.server.Upstreams() {
		if f.known[u.Name] {
			tell(u)
		}
	}
	for _, name := range f.someKeys() {
		if u, ok := f.server.UpstreamOf(name); ok {
			u.Name = name
			tell(u)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return f.add(line.Line{Event: line.Upstreams}, changed)
}

// someKeys returns keys that the follower wants, the next ones with each call, and forgets
// what it was told of others.
func (f *followStream) someKeys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := slices.Sorted(maps.Keys(f.wanted))
	names = slices.DeleteFunc(names, func(name string) bool { _, key := hub.SplitName(name); return key == "" })
	maps.DeleteFunc(f.told, func(name string, _ line.Upstream) bool { return !f.known[name] && !f.wanted[name] })
	if len(names) <= keysAtOnce {
		return names
	}
	f.turn %= len(names)
	some := append(slices.Clone(names[f.turn:]), names[:f.turn]...)[:keysAtOnce]
	f.turn += keysAtOnce
	return some
}

// flushFull writes what there is if it is much.
func (f *followStream) flushFull() error {
	if len(f.buffer) < followChunk {
		return nil
	}
	return f.flush()
}

// write writes a chunk so that the follower can read it at once.
func (f *followStream) write(chunk []byte) error {
	if f.packed == nil {
		_, err := f.w.Write(chunk)
		return err
	}
	if _, err := f.packed.Write(chunk); err != nil {
		return err
	}
	return f.packed.Flush()
}

// flush writes what there is. A follower has some time for each chunk.
func (f *followStream) flush() error {
	control := http.NewResponseController(f.w)
	for chunk := range slices.Chunk(f.buffer, followChunk) {
		if err := control.SetWriteDeadline(time.Now().Add(answerTimeout)); err != nil {
			return err
		}
		if err := f.write(chunk); err != nil {
			return err
		}
	}
	if len(f.buffer) == 0 {
		return nil
	}
	if f.buffer = f.buffer[:0]; cap(f.buffer) > keptBuffer {
		f.buffer = nil
	}
	return control.Flush()
}

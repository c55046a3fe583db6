package view

import (
	"slices"
	"sync"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/wire"
	"github.com/polluxhub/pollux/hub/sse"
)

// frame is what some clients get of an event, uncompressed.
type frame struct {
	*wire.Fragment
	serial uint64 // of no other frame: a pointer as key would keep every frame before

	mu      sync.Mutex
	end     *wire.Window // the window of a client that got this frame last
	chained []uint64     // serials of the windows behind which the frame is compressed
}

// maxChained is behind how many windows a frame is compressed. Most clients of a stream
// have the same window. Others have got more heartbeats since, or follow other streams
// too.
const maxChained = 8

// frame returns what the key stands for, and the bytes that it takes beside the event. It
// returns nil if the clients get nothing.
func (c *cache) frame(v *view, k key) (*frame, int) {
	e := k.event
	switch {
	case v == nil && k.text != "":
		// Only a frame in one piece can be compressed, so this one is a copy.
		head, tail := wire.Named(e, false)
		f := c.newFrame(wire.NewFragment(slices.Concat(head, tail)))
		return f, cap(f.Chunk)
	case v == nil:
		return c.newFrame(wire.EventFragment(e)), 0
	case k.before != nil:
		change := c.change(v, e, k.before)
		if change.same {
			return nil, 0
		}
		if f := c.difference(v, k, change); f != nil {
			return f, cap(f.Chunk)
		}
		// The same as for a client without a document, and shared with such clients.
		return c.get(key{kind: kindFrame, event: e, text: v.key}, inputs{view: v}).(*frame), 0 //nolint:forcetypeassert // see kind
	}
	name, data := "", e.Data()
	switch e.Kind() {
	case hub.KindStatus:
		name = hub.StatusEvent
	case hub.KindReset:
		name = hub.ResetEvent
	case hub.KindData:
		data = c.part(e, v.fields)
		if v.Mode != Full {
			name = hub.SnapshotEvent
		}
	}
	f := c.newFrame(wire.NewFragment(v.encode(e, name, data)))
	return f, cap(f.Chunk)
}

// difference returns the frame of a change, or nil if it would not be shorter than the
// document.
func (c *cache) difference(v *view, k key, change *change) *frame {
	if change.delta == nil {
		return nil
	}
	name, member := hub.PatchEvent, `","ops":`
	if v.Mode == Merge {
		name, member = hub.MergeEvent, `","patch":`
	}
	text := make([]byte, 0, len(change.delta)+64)
	text = append(append(text, `{"base":"`...), k.base.String()...)
	text = append(append(append(text, member...), change.delta...), '}')
	if len(text) >= len(c.part(k.event, v.fields)) {
		return nil
	}
	return c.newFrame(wire.NewFragment(v.encode(k.event, name, text)))
}

func (c *cache) newFrame(f *wire.Fragment) *frame {
	return &frame{Fragment: f, serial: c.serials.Add(1)}
}

// encode returns an event in the form of the view. It panics on an event that the hub
// cannot have produced.
func (v *view) encode(e *hub.Event, name string, data []byte) []byte {
	if v.Lines {
		return line(e, name, data)
	}
	id := ""
	if e.Kind() == hub.KindData {
		id = e.ID().String()
		switch {
		case v.named && name == "":
			name = e.Stream()
		case v.named:
			name += ":" + e.Stream()
		}
	}
	text, err := sse.AppendEvent(make([]byte, 0, len(data)+128), sse.Event{ID: id, Name: name, Data: data})
	if err != nil {
		panic(err) // the hub has checked ID, name and data
	}
	return text
}

// line returns an event as a line of JSON. Names and IDs hold nothing that has to be
// escaped.
func line(e *hub.Event, name string, data []byte) []byte {
	if name == "" {
		name = hub.MessageEvent
	}
	text := append(make([]byte, 0, len(data)+192), `{"event":"`...)
	text = append(text, name...)
	if e.Kind() == hub.KindData {
		text = append(append(text, `","id":"`...), e.ID().String()...)
		text = append(append(text, `","stream":"`...), e.Stream()...)
		text = append(append(text, `","time":"`...), wire.Timestamp(e.Time())...)
	}
	text = append(append(text, `","data":`...), data...)
	return append(text, "}\n"...)
}

// window returns the window of a client that got the frame last.
func (f *frame) window(c *cache) *wire.Window {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end == nil {
		f.end = wire.NewWindow(f.Body, &c.windows)
	}
	return f.end
}

// chains reports whether the frame is compressed behind the window, or may be.
func (f *frame) chains(behind *wire.Window) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.chained, behind.Serial()) {
		return true
	}
	if len(f.chained) == maxChained {
		return false
	}
	f.chained = append(f.chained, behind.Serial())
	return true
}

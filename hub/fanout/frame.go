package fanout

import (
	"slices"
	"sync"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/sse"
)

// frame is what some clients get of an event, ready for the wire.
type frame struct {
	*piece
	serial uint64 // never given twice: a pointer would keep the whole past alive

	mu      sync.Mutex
	end     *behind  // what a client's window ends with that got this last
	chained []uint64 // the serials of those behind which it was compressed, at most maxChained
}

// frame returns what the key says, and what it takes beside the event: nil if there
// is nothing to tell.
func (f *forms) frame(v *view, key formKey) (*frame, int) {
	e := key.event
	switch {
	case v == nil && key.text != "":
		// A copy, which counts: compressed is what stands in one piece.
		head, tail := named(e, false)
		one := f.newFrame(newPiece(slices.Concat(head, tail), nil))
		return one, cap(one.chunk)
	case v == nil:
		return f.newFrame(&piece{chunk: plain(e, true), body: plain(e, false)}), 0
	case key.before != nil:
		change := f.change(v, e, key.before)
		if change.same {
			return nil, 0
		}
		if one := f.difference(v, key, change); one != nil {
			return one, cap(one.chunk)
		}
		// As if the client had nothing: shared with those who do.
		return f.get(formKey{kind: frameForm, event: e, text: v.key}, recipe{view: v}).(*frame), 0 //nolint:forcetypeassert // see formKind
	}
	name, data := "", e.Data()
	switch e.Kind() {
	case hub.KindStatus:
		name = hub.StatusEvent
	case hub.KindReset:
		name = hub.ResetEvent
	case hub.KindData:
		data = f.part(e, v.fields)
		if v.Mode != Full {
			name = hub.SnapshotEvent
		}
	}
	one := f.newFrame(newPiece(v.encode(e, name, data), nil))
	return one, cap(one.chunk)
}

// difference returns the frame of a change, or nil if there is none that is shorter
// than the document.
func (f *forms) difference(v *view, key formKey, change *change) *frame {
	if change.delta == nil {
		return nil
	}
	name, member := hub.PatchEvent, `","ops":`
	if v.Mode == Merge {
		name, member = hub.MergeEvent, `","patch":`
	}
	text := make([]byte, 0, len(change.delta)+64)
	text = append(append(text, `{"base":"`...), key.base.String()...)
	text = append(append(append(text, member...), change.delta...), '}')
	if len(text) >= len(f.part(key.event, v.fields)) {
		return nil
	}
	return f.newFrame(newPiece(v.encode(key.event, name, text), nil))
}

func (f *forms) newFrame(p *piece) *frame {
	return &frame{piece: p, serial: f.serial.Add(1)}
}

// encode returns an event as the view tells it. It panics for what no event can be.
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

// line returns an event as a line of JSON. Names and IDs hold nothing that would
// have to be escaped.
func line(e *hub.Event, name string, data []byte) []byte {
	if name == "" {
		name = hub.MessageEvent
	}
	text := append(make([]byte, 0, len(data)+192), `{"event":"`...)
	text = append(text, name...)
	if e.Kind() == hub.KindData {
		text = append(append(text, `","id":"`...), e.ID().String()...)
		text = append(append(text, `","stream":"`...), e.Stream()...)
		text = append(append(text, `","time":"`...), timestamp(e.Time())...)
	}
	text = append(append(text, `","data":`...), data...)
	return append(text, "}\n"...)
}

// window returns what a client's window ends with that got the frame last.
func (fr *frame) window(f *forms) *behind {
	fr.mu.Lock()
	defer fr.mu.Unlock()
	if fr.end == nil {
		fr.end = newBehind(f, fr.body)
	}
	return fr.end
}

// chains reports whether the frame has a form behind that, or may have one more.
func (fr *frame) chains(behind *behind) bool {
	fr.mu.Lock()
	defer fr.mu.Unlock()
	if slices.Contains(fr.chained, behind.serial) {
		return true
	}
	if len(fr.chained) == maxChained {
		return false
	}
	fr.chained = append(fr.chained, behind.serial)
	return true
}

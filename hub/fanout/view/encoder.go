package view

import (
	"bytes"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/wire"
	"github.com/polluxhub/pollux/hub/markup"
)

// Encoder turns what one client gets into bytes. It belongs to the goroutine that writes
// to the client, except that clients share one that remembers nothing, see
// [Views.Encoder]. Everything that was asked of it must be written, in that order.
type Encoder struct {
	views  *Views
	viewer *viewer // nil: whole documents as event stream
	wait   *wait   // what the client's next event waits for; nil: nothing
	named  bool
	gzip   bool
	member wire.Member // of a compressed stream
}

// wait is what a client waits for before it can get its next event.
type wait struct {
	entry *entry
	frame *frame // of the event, where the entry is that frame compressed
	w     Waiter
}

// Waits reports whether the client's next event is not made yet.
func (c *Encoder) Waits() bool { return c.wait != nil && !c.wait.entry.made.Load() }

// Close gives up what the client waits for, and the client's place in its view.
func (c *Encoder) Close() {
	c.Cancel()
	c.views.registry.release(c.viewer)
}

// KeepsParts reports whether the client gets a document only if parts of it differ from
// those of the document that the client has.
func (c *Encoder) KeepsParts() bool {
	return c.viewer != nil && c.viewer.Mode == Full && c.viewer.compares()
}

// Has notes that the client has a document from an earlier connection.
func (c *Encoder) Has(e *hub.Event) { c.viewer.took(e, true) }

// Forget lets the next documents come whole: nothing that the client has is kept any
// longer to be compared with them.
func (c *Encoder) Forget() {
	if c.viewer != nil {
		c.viewer.bases = nil
	}
}

// Cancel gives up what the client waits for. The next event may be another one.
func (c *Encoder) Cancel() {
	if c.wait != nil {
		c.views.cache.cancel(c.wait.entry, c.wait.w)
		c.wait = nil
	}
}

// Lines reports whether the stream is one of lines.
func (c *Encoder) Lines() bool { return c.viewer != nil && c.viewer.Lines }

// HTML reports whether the client gets HTML.
func (c *Encoder) HTML() bool { return c.viewer != nil && c.viewer.HTML }

// Status returns a status that is not on the timeline, as the client gets it.
func (c *Encoder) Status(stream string, status hub.Status) []byte {
	if c.HTML() {
		return appendEvent(nil, "", hub.StatusEvent, c.views.cache.statusHTML(c.views.template(stream), stream, status))
	}
	if !c.Lines() {
		return c.views.Status(false, stream, status)
	}
	document, err := status.Document(stream)
	if err != nil {
		return nil // it has no member that could not be encoded
	}
	return append(append([]byte(`{"event":"`+hub.StatusEvent+`","data":`), document...), "}\n"...)
}

// Whole reports whether the client gets whole documents as event stream.
func (c *Encoder) Whole() bool { return c.viewer == nil }

// Event returns what the client gets of an event, as a chunk or as it is, nil if that is
// nothing. There may be a head, which comes before the body. Event reports false if the
// body has yet to be made. Then nothing has changed, and w, if not nil, is told when to
// ask again.
func (c *Encoder) Event(e *hub.Event, chunked bool, w Waiter) (head, body []byte, ok bool) {
	if c.viewer == nil && !c.gzip {
		if c.named {
			head, body = wire.Named(e, chunked)
		} else {
			body = wire.Plain(e, chunked)
		}
		return head, body, true
	}
	if e.Kind() == hub.KindReset && e.Stream() != "" {
		c.viewer.took(e, true)
		return nil, c.Note(c.resetNote(e)).As(chunked), true
	}
	frame, ok := c.frame(e, w)
	if !ok {
		return nil, nil, false
	}
	if frame == nil {
		c.wait = nil
		c.viewer.took(e, false)
		return nil, nil, true
	}
	fragment := frame.Fragment
	if c.gzip {
		if fragment, ok = c.packed(frame, w); !ok {
			return nil, nil, false
		}
		c.member.Add(fragment, frame.window(&c.views.cache))
	}
	c.wait = nil
	c.viewer.took(e, true)
	return nil, fragment.As(chunked), true
}

// resetNote returns a reset that concerns one stream. It is one client's own: how many
// documents were left out differs. As a note it does not keep clients from sharing the
// compressed document after it.
func (c *Encoder) resetNote(e *hub.Event) *wire.Note {
	var n wire.Note
	vary := func(text []byte) {
		for len(text) > 0 {
			digits := bytes.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
			switch {
			case digits < 0:
				digits = len(text)
			case digits == 0:
				n.Add(string(text[:1]))
				text = text[1:]
				continue
			}
			n.Vary(string(text[:digits]))
			text = text[digits:]
		}
	}
	switch {
	case c.HTML():
		t := c.views.template(e.Stream())
		vary(appendEvent(nil, "", hub.ResetEvent, c.views.cache.partOf(t, hub.KindReset, markup.Subject{Stream: e.Stream()}, e.Data())))
	case c.Lines():
		vary(c.viewer.encode(e, hub.ResetEvent, e.Data()))
	default:
		vary(wire.Plain(e, false))
	}
	return &n
}

// frame returns what the client gets of the event, uncompressed.
func (c *Encoder) frame(e *hub.Event, w Waiter) (*frame, bool) {
	if c.wait != nil && c.wait.frame != nil {
		return c.wait.frame, true
	}
	k, in := key{kind: kindFrame, event: e}, inputs{}
	switch {
	case c.HTML():
		stream := e.Stream()
		if stream == "" { // a reset of all streams
			stream = c.viewer.stream
		}
		in.view, in.template = c.viewer.view, c.views.template(stream)
		if e.IsLast() {
			in.template = markup.Bare()
		}
		k.text = c.viewer.key + " " + in.template.Mark()
		k.before, _ = c.viewer.base(e)
	case c.viewer != nil:
		k.text, in.view = c.viewer.key, c.viewer.view
		k.before, k.base = c.viewer.base(e)
	case c.named:
		k.text = "named"
	}
	one, ok := c.want(k, in, nil, w)
	if !ok {
		return nil, false
	}
	return one.value.(*frame), true //nolint:forcetypeassert // see kind
}

// packed returns a frame compressed, behind the client's window if other clients share
// that.
func (c *Encoder) packed(f *frame, w Waiter) (*wire.Fragment, bool) {
	k, in := key{kind: kindPacked, frame: f.serial}, inputs{frame: f}
	if window := c.member.Window(); window.Fits(f.Body) && f.chains(window) {
		k.window, in.window = window.Serial(), window
	}
	one, ok := c.want(k, in, f, w)
	if !ok {
		return nil, false
	}
	return one.value.(*wire.Fragment), true //nolint:forcetypeassert // see kind
}

// want returns an entry. It may be the one that the client waited for, and that the
// cache has dropped since.
func (c *Encoder) want(k key, in inputs, of *frame, w Waiter) (*entry, bool) {
	if c.wait != nil && c.wait.entry.key == k && c.wait.entry.made.Load() {
		return c.wait.entry, true
	}
	one, ok := c.views.cache.want(k, in, w)
	if ok || w == nil {
		return one, ok
	}
	if c.wait != nil && c.wait.entry != one {
		c.Cancel()
	}
	c.wait = &wait{entry: one, frame: of, w: w}
	return one, false
}

// Begin returns the beginning of a stream, with a text for this client alone.
func (c *Encoder) Begin(text []byte) *wire.Fragment {
	if !c.gzip {
		return wire.NewFragment(text)
	}
	return c.member.Begin(text)
}

// Note returns a text for this client alone as a part of its stream, compressed if the
// stream is.
func (c *Encoder) Note(n *wire.Note) *wire.Fragment {
	if !c.gzip {
		return wire.NewFragment(n.Text())
	}
	return c.member.Note(n)
}

// Shared is Note for a text that is the same for all clients, and is compressed once.
func (c *Encoder) Shared(s *wire.Shared) *wire.Fragment {
	if !c.gzip {
		return s.Fragment()
	}
	return c.member.Shared(s)
}

// End returns what the stream has to end with, nil if that is nothing.
func (c *Encoder) End() *wire.Fragment {
	if !c.gzip {
		return nil
	}
	return c.member.End()
}

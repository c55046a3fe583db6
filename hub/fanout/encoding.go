package fanout

import (
	"encoding/binary"

	"github.com/polluxhub/pollux/hub"
)

// encoding turns what one client gets into bytes, as the client asked: named or
// not, compressed or not, whole or in part. It belongs to whoever writes to the
// client. Everything it was asked for must be written, in that order.
type encoding struct {
	forms  *forms
	viewer *viewer // nil: whole documents as event stream
	wait   *wait   // what the client's next event waits for; nil: nothing
	named  bool
	gzip   bool

	// Of a compressed stream so far.
	crc  uint32
	size uint32
	last *behind // what the client's window ends with; nil if nobody else may have the same
}

// wait is what a client waits for before it can get its next event.
type wait struct {
	form  *form
	frame *frame // of the event, if it is known, and compressed by now
	w     waiter
}

// waits reports whether the client's next event is not there yet.
func (c *encoding) waits() bool { return c.wait != nil && !c.wait.form.made.Load() }

// giveUp ends the waiting: the client goes.
func (c *encoding) giveUp() {
	if c.wait != nil {
		c.forms.cancel(c.wait.form, c.wait.w)
		c.wait = nil
	}
}

// lines reports whether the stream is one of lines.
func (c *encoding) lines() bool { return c.viewer != nil && c.viewer.Lines }

// event returns the event's form for this client, as a chunk or a bare body, nil if
// there is nothing to tell. There may be a head, which comes before it. It reports
// false if the form has yet to be made: then nothing has happened, and w, if not nil,
// is told when to ask again.
func (c *encoding) event(e *hub.Event, chunked bool, w waiter) (head, form []byte, ok bool) {
	if c.viewer == nil && !c.gzip {
		if c.named {
			head, form = named(e, chunked)
		} else {
			form = plain(e, chunked)
		}
		return head, form, true
	}
	one, ok := c.frame(e, w)
	if !ok {
		return nil, nil, false
	}
	if one == nil {
		c.wait = nil
		c.viewer.took(e, false)
		return nil, nil, true
	}
	p := one.piece
	if c.gzip {
		if p, ok = c.packed(one, w); !ok {
			return nil, nil, false
		}
		c.last = one.window(c.forms)
		c.count(p)
	}
	c.wait = nil
	c.viewer.took(e, true)
	return nil, p.as(chunked), true
}

// frame returns what the client gets of the event.
func (c *encoding) frame(e *hub.Event, w waiter) (*frame, bool) {
	if c.wait != nil && c.wait.frame != nil {
		return c.wait.frame, true
	}
	key, with := formKey{kind: frameForm, event: e}, recipe{}
	switch {
	case c.viewer != nil:
		key.text, with.view = c.viewer.key, c.viewer.view
		key.before, key.base = c.viewer.base(e)
	case c.named:
		key.text = "named"
	}
	one, ok := c.want(key, with, nil, w)
	if !ok {
		return nil, false
	}
	return one.value.(*frame), true //nolint:forcetypeassert // see formKind
}

// packed returns a frame compressed, behind what the client has if that is shared
// with others.
func (c *encoding) packed(one *frame, w waiter) (*piece, bool) {
	key, with := formKey{kind: packedForm, frame: one.serial}, recipe{frame: one}
	if c.last.fits(one.body) && one.chains(c.last) {
		key.behind, with.behind = c.last.serial, c.last
	}
	form, ok := c.want(key, with, one, w)
	if !ok {
		return nil, false
	}
	return form.value.(*piece), true //nolint:forcetypeassert // see formKind
}

// want returns a form, if need be the one that the client waited for and that is
// dropped already.
func (c *encoding) want(key formKey, with recipe, of *frame, w waiter) (*form, bool) {
	if c.wait != nil && c.wait.form.key == key && c.wait.form.made.Load() {
		return c.wait.form, true
	}
	one, ok := c.forms.want(key, with, w)
	if ok || w == nil {
		return one, ok
	}
	if c.wait != nil && c.wait.form != one {
		c.giveUp()
	}
	c.wait = &wait{form: one, frame: of, w: w}
	return one, false
}

// begin returns the beginning of a stream: text that is for this client alone.
func (c *encoding) begin(text []byte) *piece {
	if !c.gzip {
		return newPiece(text, text)
	}
	p := newPiece(appendStored(append([]byte(nil), gzipHeader...), text), text)
	c.count(p)
	return p
}

// note returns a note. What comes behind it can still be compressed behind what was
// before it.
func (c *encoding) note(n *note) *piece {
	if !c.gzip {
		return newPiece(n.text, nil)
	}
	p := newPiece(appendStored(nil, n.text), n.text)
	c.last = c.last.then(c.forms, string(n.masked))
	c.count(p)
	return p
}

// comment returns the heartbeat that is the same for all.
func (c *encoding) comment() *piece {
	if !c.gzip {
		return commentPiece
	}
	c.last = c.last.then(c.forms, comment)
	c.count(storedCommentPiece)
	return storedCommentPiece
}

const comment = ": " + hub.HeartbeatEvent + "\n\n"

var (
	commentPiece       = newPiece([]byte(comment), nil)
	storedCommentPiece = newPiece(appendStored(nil, []byte(comment)), []byte(comment))
)

// end returns what makes the stream whole: nothing, or the end of a gzip member.
func (c *encoding) end() *piece {
	if !c.gzip {
		return nil
	}
	trailer := []byte{1, 0, 0, 0xff, 0xff} // an empty block, the last one
	trailer = binary.LittleEndian.AppendUint32(trailer, c.crc)
	return newPiece(binary.LittleEndian.AppendUint32(trailer, c.size), nil)
}

// count adds what the end of a compressed stream tells of everything in it.
func (c *encoding) count(p *piece) {
	c.crc = combine(c.crc, p.crc, p.shift)
	c.size += p.size
}

package fanout

import (
	"bytes"
	"slices"
	"sync"
)

// behind is what the window of a compressed stream ends with: a frame, and the notes
// that the client got since, see note. All clients that have the same share it.
//
// Notes hold times and IDs that differ from client to client, though they are as
// long. In a behind these are NUL. What is compressed behind it holds no NUL, so
// nothing in it refers to these places, whatever a client has there.
type behind struct {
	serial uint64
	root   *root
	parent *behind // nil: the frame alone
	text   string  // of the last note
	notes  int     // bytes of all notes

	next map[string]*behind // guarded by root.mu
}

// root is what all behinds of one frame share.
type root struct {
	frame []byte // what of it the window reaches

	mu    sync.Mutex
	count int // of behinds
}

// Bounds on what is kept of the notes behind one frame. Beyond them an event is
// compressed alone, which after so long a silence is no loss.
const (
	maxNotes   = 1 << 10 // bytes in a row
	maxBehinds = 64      // that differ
)

func newBehind(f *forms, body []byte) *behind {
	if len(body) > window {
		// A copy, so that a client does not keep a whole large event alive.
		body = bytes.Clone(body[len(body)-window:])
	}
	return &behind{serial: f.serial.Add(1), root: &root{frame: body}}
}

// then returns what the window ends with behind one more note, or nil if that is
// too much to be kept.
func (b *behind) then(f *forms, masked string) *behind {
	if b == nil || b.notes+len(masked) > maxNotes {
		return nil
	}
	b.root.mu.Lock()
	defer b.root.mu.Unlock()
	next := b.next[masked]
	if next == nil && b.root.count < maxBehinds {
		b.root.count++
		next = &behind{serial: f.serial.Add(1), root: b.root, parent: b, text: masked, notes: b.notes + len(masked)}
		if b.next == nil {
			b.next = make(map[string]*behind)
		}
		b.next[masked] = next
	}
	return next
}

// fits reports whether a text can be compressed behind it.
func (b *behind) fits(text []byte) bool {
	return b != nil && (b.parent == nil || bytes.IndexByte(text, 0) < 0)
}

// dictionary returns the end of the window.
func (b *behind) dictionary() []byte {
	if b == nil {
		return nil
	}
	if b.parent == nil {
		return b.root.frame
	}
	var texts []string
	for at := b; at.parent != nil; at = at.parent {
		texts = append(texts, at.text)
	}
	text := bytes.Clone(b.root.frame)
	for _, note := range slices.Backward(texts) {
		text = append(text, note...)
	}
	return text[max(0, len(text)-window):]
}

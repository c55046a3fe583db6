package wire

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
)

// windowSize is how many bytes deflate can look back.
const windowSize = 1 << 15

// Window is the end of a client's deflate window: a frame, and the notes that the
// client has got since. All clients that got the same share it. A nil Window is one
// that no other client shares.
type Window struct {
	serial uint64
	root   *root
	parent *Window // nil: the frame alone
	text   string  // the last note, masked
	notes  int     // bytes of all notes

	next map[string]*Window // guarded by root.mu
}

// root is what all windows that begin with one frame share.
type root struct {
	frame   []byte // the part of it that the window reaches
	serials *atomic.Uint64

	mu    sync.Mutex
	count int // of windows
}

// Bounds on the notes that are kept for one frame. Beyond them an event is compressed
// alone. After so long a silence that costs little.
const (
	maxNotes   = 1 << 10 // bytes in a row
	maxWindows = 64      // different ones
)

// NewWindow returns the window that ends with a frame. The serials of windows come from
// the counter.
func NewWindow(frame []byte, serials *atomic.Uint64) *Window {
	if len(frame) > windowSize {
		// A copy, so that the window of a client does not keep a whole large event.
		frame = bytes.Clone(frame[len(frame)-windowSize:])
	}
	return &Window{serial: serials.Add(1), root: &root{frame: frame, serials: serials}}
}

// Serial returns a number that no other window of the same counter has. It stands for
// the window where a pointer would keep its memory.
func (w *Window) Serial() uint64 { return w.serial }

// then returns the window after one more text, masked where clients differ. It returns
// nil where that would be too much to keep.
func (w *Window) then(masked string) *Window {
	if w == nil || w.notes+len(masked) > maxNotes {
		return nil
	}
	w.root.mu.Lock()
	defer w.root.mu.Unlock()
	next := w.next[masked]
	if next == nil && w.root.count < maxWindows {
		w.root.count++
		next = &Window{serial: w.root.serials.Add(1), root: w.root, parent: w, text: masked, notes: w.notes + len(masked)}
		if w.next == nil {
			w.next = make(map[string]*Window)
		}
		w.next[masked] = next
	}
	return next
}

// Fits reports whether a text can be compressed behind the window.
func (w *Window) Fits(text []byte) bool {
	return w != nil && (w.parent == nil || bytes.IndexByte(text, 0) < 0)
}

// dictionary returns the bytes of the window.
func (w *Window) dictionary() []byte {
	if w == nil {
		return nil
	}
	if w.parent == nil {
		return w.root.frame
	}
	var texts []string
	for at := w; at.parent != nil; at = at.parent {
		texts = append(texts, at.text)
	}
	dictionary := bytes.Clone(w.root.frame)
	for _, text := range slices.Backward(texts) {
		dictionary = append(dictionary, text...)
	}
	return dictionary[max(0, len(dictionary)-windowSize):]
}

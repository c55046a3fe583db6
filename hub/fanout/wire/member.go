package wire

import (
	"encoding/binary"
	"slices"
)

// Member is what the gzip member of one client has held so far. Its fragments are
// written in the order in which Member returned or got them.
type Member struct {
	crc    uint32
	size   uint32
	window *Window
}

// gzipHeader says: deflate, no flags, no time, any compression, unknown system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// Window returns the end of the client's window.
func (m *Member) Window() *Window { return m.window }

// Begin returns the header of the member, with a text in stored blocks behind it.
func (m *Member) Begin(text []byte) *Fragment {
	f := packed(appendStored(slices.Clone(gzipHeader), text), text)
	m.Add(f, nil)
	return f
}

// Note returns a note in stored blocks. The next event can still be compressed behind
// the frame before the note.
func (m *Member) Note(n *Note) *Fragment {
	f := stored(n.text)
	m.Add(f, m.window.then(string(n.masked)))
	return f
}

// Shared returns a text that all clients share, likewise.
func (m *Member) Shared(s *Shared) *Fragment {
	m.Add(s.stored, m.window.then(s.text))
	return s.stored
}

// Add counts a fragment, after which the client's window ends as given.
func (m *Member) Add(f *Fragment, window *Window) {
	m.crc = combine(m.crc, f.crc, f.shift)
	m.size += f.size
	m.window = window
}

// End returns the end of the member.
func (m *Member) End() *Fragment {
	trailer := []byte{1, 0, 0, 0xff, 0xff} // an empty block, the last one
	trailer = binary.LittleEndian.AppendUint32(trailer, m.crc)
	return NewFragment(binary.LittleEndian.AppendUint32(trailer, m.size))
}

package wire

import (
	"time"

	"github.com/polluxhub/pollux/hub"
)

// Note is a text for one client: a heartbeat, or the position of the client. Clients
// of the same streams get notes that are equal except for a few places, where each note
// has as many bytes.
type Note struct {
	text   []byte
	masked []byte // with NUL in these places
}

// Add adds what all clients get.
func (n *Note) Add(text string) {
	n.text, n.masked = append(n.text, text...), append(n.masked, text...)
}

// Vary adds what differs from client to client.
func (n *Note) Vary(text string) {
	n.text, n.masked = append(n.text, text...), append(n.masked, make([]byte, len(text))...)
}

// Text returns the text of the note.
func (n *Note) Text() []byte { return n.text }

// Shared is a text that is the same for all clients, and ready for each of them.
type Shared struct {
	text   string
	plain  *Fragment
	stored *Fragment
}

// NewShared returns a text for all clients.
func NewShared(text string) *Shared {
	return &Shared{text: text, plain: NewFragment([]byte(text)), stored: stored([]byte(text))}
}

// Fragment returns the text for an uncompressed stream.
func (s *Shared) Fragment() *Fragment { return s.plain }

// Timestamp returns a time in hub.TimeLayout. Every time has as many bytes.
func Timestamp(t time.Time) string { return t.UTC().Format(hub.TimeLayout) }

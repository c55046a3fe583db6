package natslog

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
)

// Defaults of Options.
const (
	DefaultName     = "pollux"
	DefaultReplicas = 1
	DefaultPatience = 5 * time.Second
	DefaultUnused   = 7 * 24 * time.Hour
)

// maxReplicas is what JetStream allows.
const maxReplicas = 5

// Options configure a Log. New copies them.
type Options struct {
	// Server is where JetStream is. It is required.
	Server Server

	// Name is the name of the JetStream stream, and the first token of its subjects: 1 to 64
	// letters, digits, '_' and '-'. Empty means DefaultName.
	Name string

	// Replicas is how many servers of a cluster keep the stream when it is made. 0 means
	// DefaultReplicas.
	Replicas int

	// Keep says how many documents of a stream, or of a key, are kept, and how many bytes.
	// The newest one is always kept. Nil means that nothing is removed. 0 means that nobody
	// has configured the stream.
	Keep func(stream string) (events, bytes int)

	// Unused is how long a stream is kept that is not configured. Of a log that is shared, it is
	// how long a stream is kept that no node has configured, or a key to which nobody has
	// published and nobody has listened. 0 means DefaultUnused.
	Unused time.Duration

	// Uses reports whether somebody listens to a key at this node, of a log that is shared. Nil
	// means that nothing is removed from such a log but by Keep.
	Uses func(key string) bool

	// First reports whether this node is the one that removes what nobody uses, of a log that is
	// shared. It does no harm if two are. Nil means true.
	First func() bool

	// Patience bounds how long the log waits for JetStream before it counts as failed: for each
	// question, and for each step of a start. 0 means DefaultPatience.
	Patience time.Duration

	// Node names this process for operators, in a log that others share.
	Node string

	// Logger gets the log. Nil means slog.Default.
	Logger *slog.Logger
}

// CheckName returns nil if text can be Options.Name.
func CheckName(text string) error {
	const most = 64
	if len(text) == 0 || len(text) > most || strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !isPlain(byte(r)) }) {
		return fmt.Errorf("want 1 to %d letters, digits, '_' and '-'", most)
	}
	return nil
}

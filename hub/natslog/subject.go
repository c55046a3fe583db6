package natslog

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/polluxhub/pollux/hub"
)

// The kinds of messages, which are the second token of a subject.
const (
	documentKind = "d"
	statusKind   = "s"
	floorKind    = "f" // see floor
	trimKind     = "t" // before which sequence documents of a stream or key are removed
	usedKind     = "u" // says that a node uses a stream or key, of a log that is shared
	rootKind     = "root"
	beatKind     = "beat" // which proves that the stream works
)

// subject is the place of a stream in JetStream.
type subject struct {
	kind   string
	stream string // or a key, but of a floor never a key
}

// text returns the subject below a prefix. The name of a stream is one token, and that of
// a key two. What has a meaning to NATS is escaped, and so is '=', which escapes.
func (s subject) text(prefix string) string {
	stream, key := hub.SplitName(s.stream)
	var b strings.Builder
	b.WriteString(prefix + "." + s.kind)
	if s.kind != rootKind && s.kind != beatKind {
		b.WriteByte('.')
		escape(&b, stream)
	}
	if key != "" {
		b.WriteByte('.')
		escape(&b, key)
	}
	return b.String()
}

func escape(b *strings.Builder, name string) {
	for i := range len(name) {
		if c := name[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(b, "=%02X", c)
		}
	}
}

func isPlain(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '-'
}

// parseSubject is the inverse of text. It takes exactly what text makes.
func parseSubject(prefix, text string) (subject, bool) {
	rest, ok := strings.CutPrefix(text, prefix+".")
	if !ok {
		return subject{}, false
	}
	tokens := strings.Split(rest, ".")
	for i, token := range tokens[1:] {
		name, err := unescape(token)
		if err != nil {
			return subject{}, false
		}
		tokens[i+1] = name
	}
	s := subject{kind: tokens[0], stream: strings.Join(tokens[1:], "/")}
	switch s.kind {
	case rootKind, beatKind:
		return s, len(tokens) == 1
	case documentKind, statusKind, floorKind, trimKind, usedKind:
		return s, len(tokens) > 1 && hub.CheckName(s.stream) == nil && s.text(prefix) == text
	}
	return subject{}, false
}

func unescape(token string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		if token[i] != '=' {
			b.WriteByte(token[i])
			continue
		}
		if i+2 >= len(token) {
			return "", strconv.ErrSyntax
		}
		c, err := strconv.ParseUint(token[i+1:i+3], 16, 8)
		if err != nil {
			return "", err
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}

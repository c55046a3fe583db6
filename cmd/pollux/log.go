package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"unicode"
	"unicode/utf8"
)

// logHandler returns the handler that the configuration, which was checked, asks for.
// Its level can change.
func logHandler(c *serveCommand, w io.Writer) slog.Handler {
	if c.level == nil {
		c.level = new(slog.LevelVar)
		_ = c.level.UnmarshalText([]byte(*c.LogLevel)) // which is one of the names that slog has
	}
	opts := &slog.HandlerOptions{Level: c.level}
	if *c.LogFormat == "json" {
		return slog.NewJSONHandler(printable{w}, opts)
	}
	return slog.NewTextHandler(w, opts)
}

// printable escapes what no terminal should obey in records of JSON, where it can only
// stand in strings: control characters above ASCII, DEL, and marks that change the
// direction of text. Control characters of ASCII are escaped already, and in text format
// everything that is not printable is.
type printable struct{ w io.Writer }

// Write implements [io.Writer]. It takes a whole record, as the handlers of slog do.
func (p printable) Write(record []byte) (int, error) {
	written := record
	if bytes.ContainsFunc(record, isUnprintable) {
		written = nil
		for _, r := range string(record) {
			if isUnprintable(r) {
				written = fmt.Appendf(written, `\u%04x`, r)
			} else {
				written = utf8.AppendRune(written, r)
			}
		}
	}
	if _, err := p.w.Write(written); err != nil {
		return 0, err
	}
	return len(record), nil
}

// isUnprintable reports whether a rune is escaped. All of these have four digits.
func isUnprintable(r rune) bool {
	return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

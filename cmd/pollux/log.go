package main

import (
	"io"
	"log/slog"
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
		return slog.NewJSONHandler(w, opts)
	}
	return slog.NewTextHandler(w, opts)
}

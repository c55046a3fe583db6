package main

import (
	"io"
	"log/slog"
)

// logHandler returns the handler that the configuration, which was checked, asks for.
func logHandler(c *serveCommand, w io.Writer) slog.Handler {
	level := new(slog.LevelVar)
	_ = level.UnmarshalText([]byte(*c.LogLevel)) // which is one of the names that slog has
	opts := &slog.HandlerOptions{Level: level}
	if *c.LogFormat == "json" {
		return slog.NewJSONHandler(w, opts)
	}
	return slog.NewTextHandler(w, opts)
}

package main

import (
	"io"
	"log/slog"
)

// logHandler returns the handler that the configuration, which was checked, asks for.
func logHandler(c *serveCommand, w io.Writer) slog.Handler {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug,
		"info":  slog.LevelInfo,
		"warn":  slog.LevelWarn,
		"error": slog.LevelError,
	}
	opts := &slog.HandlerOptions{Level: levels[*c.LogLevel]}
	if *c.LogFormat == "json" {
		return slog.NewJSONHandler(w, opts)
	}
	return slog.NewTextHandler(w, opts)
}

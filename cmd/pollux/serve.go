package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/internal/tracing"
)

// serveCommand runs a program with the configuration that its Flags are.
type serveCommand struct {
	config.Flags
	unknown    []config.UnknownVariable
	logDropped func() uint64 // how many records of the log were dropped; nil for none
	level      *slog.LevelVar
	tracer     *tracing.Tracer // nil: there are no traces
}

func (c *serveCommand) run(ctx context.Context, hangups <-chan os.Signal, stderr io.Writer) error {
	queue := pollux.NewLogQueue(stderr, func(w io.Writer) slog.Handler { return logHandler(c, w) })
	defer queue.Close()
	c.logDropped = queue.Dropped
	logger := slog.New(logHandler(c, queue))
	slog.SetDefault(logger) // and with it package log, which libraries use.
	// net/http quotes there whatever an upstream sends unasked.
	slog.SetLogLoggerLevel(slog.LevelDebug)
	for _, variable := range c.unknown {
		logger.Warn("unknown variable in the environment, ignored", "name", variable.Name, "nearest", variable.Nearest)
	}
	if c.OTLPEndpoint != nil {
		var err error
		if c.tracer, err = tracing.New(tracing.Options{Endpoint: *c.OTLPEndpoint, Version: version(), Logger: logger}); err != nil {
			return &usageError{err}
		}
		defer c.tracer.Close()
	}
	p, err := newProgram(ctx, c, logger)
	switch {
	case errors.Is(err, context.Canceled):
		return nil // it was told to end, and had not begun
	case err != nil:
		return &usageError{err} // nothing has run yet
	}
	return p.run(ctx, hangups)
}

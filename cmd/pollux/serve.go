package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// serveCommand is the configuration of a program. Package kong fills it with what
// flags and the environment give; complete adds what the file and defaults give.
type serveCommand struct {
	File string `name:"config" placeholder:"FILE" help:"File with many streams and all settings; see docs/configuration.md. It is read again at SIGHUP."`

	URL     string   `placeholder:"URL" help:"API to poll. Default: a mock with random values."`
	Header  []string `sep:"none" placeholder:"'NAME: VALUE'" help:"Header to send to the API. The flag may be repeated; the variable has one header on each line."`
	Every   *time.Duration
	Timeout *time.Duration
	Push    bool

	config.Config // declares its flags itself

	given      map[string]bool     // flags that the command line or the environment has set
	getenv     func(string) string // nil: judged apart from where it runs
	unknown    []unknownVariable
	logDropped func() uint64  // how many records of the log were dropped; nil for none
	file       *config.Config // what File names; nil without
}

func (c *serveCommand) run(ctx context.Context, hangups <-chan os.Signal, stderr io.Writer) error {
	queue := newLogQueue(stderr, func(w io.Writer) slog.Handler { return logHandler(c, w) })
	defer queue.close(logFlush)
	c.logDropped = queue.Dropped
	logger := slog.New(logHandler(c, queue))
	slog.SetDefault(logger) // and with it package log, which libraries use.
	// net/http quotes there whatever an upstream sends unasked.
	slog.SetLogLoggerLevel(slog.LevelDebug)
	for _, variable := range c.unknown {
		logger.Warn("unknown variable in the environment, ignored", "name", variable.name, "nearest", variable.nearest)
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

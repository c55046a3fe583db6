package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// checkCommand validates a configuration with everything that a start checks.
type checkCommand struct {
	NoEnv bool   `help:"Validate the file without its environment: a variable in the file may have any value, and files with secrets may be missing."`
	Probe bool   `help:"Ask the API of each stream once as well. Exit status: 1 if a stream would publish nothing."`
	File  string `arg:"" help:"Configuration, such as pollux.yaml."`
}

func (c *checkCommand) run(ctx context.Context, stdout, stderr io.Writer) error {
	if c.Probe && c.NoEnv {
		return &usageError{errors.New("--probe and --no-env exclude each other: requests need what the environment says")}
	}
	env := config.ProcessEnvironment()
	if c.NoEnv {
		env = config.NoEnvironment()
	}
	parsed, _, err := parseIn(env, []string{"serve", "--config", c.File}, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	serve := &parsed.Serve
	for _, variable := range serve.unknown {
		if _, err := fmt.Fprintf(stderr, "pollux: warning: %s is unknown and ignored, the nearest is %s\n", variable.Name, variable.Nearest); err != nil {
			return err
		}
	}
	p, err := assemble(serve, slog.New(slog.DiscardHandler))
	if err != nil {
		return &usageError{err}
	}
	configured := p.streams[:len(serve.Streams)]
	count := "1 stream"
	if n := len(configured); n != 1 {
		count = fmt.Sprintf("%d streams", n)
	}
	if len(p.streams) > len(configured) {
		count += " and the canary"
	}
	if _, err = fmt.Fprintf(stdout, "%s: OK, %s\n", c.File, count); err != nil || !c.Probe {
		return err
	}
	return probe(ctx, configured, stdout)
}

package main

import (
	"fmt"
	"io"
	"log/slog"
)

// checkCommand judges a configuration as a start would.
type checkCommand struct {
	NoEnv bool   `help:"Judge the file apart from where it runs: the environment does not count, a variable in the file may have any value, and files with secrets need not be there."`
	File  string `arg:"" help:"The configuration, such as pollux.yaml."`
}

func (c *checkCommand) run(stdout, stderr io.Writer) error {
	env := processEnvironment()
	if c.NoEnv {
		env = noEnvironment()
	}
	parsed, _, err := parseIn(env, []string{"serve", "--config", c.File}, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	serve := &parsed.Serve
	if err := serve.check(); err != nil {
		return &usageError{err}
	}
	for _, variable := range serve.unknown {
		if _, err := fmt.Fprintf(stderr, "pollux: warning: %s is unknown and ignored, the nearest is %s\n", variable.name, variable.nearest); err != nil {
			return err
		}
	}
	p, err := assemble(serve, slog.New(slog.DiscardHandler))
	if err != nil {
		return &usageError{err}
	}
	_, err = fmt.Fprintf(stdout, "%s: well, %d streams\n", c.File, len(p.streams.Load().names))
	return err
}

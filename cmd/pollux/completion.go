package main

import (
	"io"

	"github.com/alecthomas/kong"

	"github.com/polluxhub/pollux/cmd/pollux/completion"
	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// completionCommand prints what a shell reads to complete the command line.
type completionCommand struct {
	Shell string `arg:"" enum:"${shells}" help:"One of ${enum}."`
}

func (c *completionCommand) run(stdout io.Writer) error {
	parser, err := newParser(new(cli))
	if err != nil {
		return err
	}
	program := completion.Read(parser.Model, func(flag *kong.Flag) []string {
		for _, s := range config.Settings() {
			if s.Flag == flag.Name {
				return s.Choices
			}
		}
		return nil
	})
	_, err = io.WriteString(stdout, program.Script(c.Shell))
	return err
}

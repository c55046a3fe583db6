package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

const description = `Polls an API once and streams every change to everyone, as Server-Sent Events.

Without a command it serves. Every flag of serve can be set in the environment as POLLUX_<FLAG>;
a flag wins over the environment, and that over the file named by --config. POLLUX_PUBLISH_TOKEN, which has no flag because command lines are
public, is the bearer token for POST /api/streams/NAME/events.`

// cli is the command line.
type cli struct {
	Serve   serveCommand   `cmd:"" default:"withargs" help:"Poll and stream (the default command). Every flag may be set in the environment as POLLUX_<FLAG>."`
	Check   checkCommand   `cmd:"" help:"Judge a configuration file as a start would, without starting: exit status 0 or 2."`
	Health  healthCommand  `cmd:"" help:"Ask a running pollux whether it is well: exit status 0 or 1."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

type versionCommand struct{}

// execute parses args and runs what they name.
func execute(ctx context.Context, hangups <-chan os.Signal, args []string, stdout, stderr io.Writer) error {
	c, command, err := parse(args, stdout, stderr)
	if err != nil {
		return err
	}
	switch command {
	case "help":
		return nil
	case "health":
		return c.Health.run(ctx)
	case "check <file>":
		return c.Check.run(stdout, stderr)
	case "version":
		_, err := fmt.Fprintln(stdout, versionLine())
		return err
	default:
		return c.Serve.run(ctx, hangups, stderr)
	}
}

// parse reads flags and environment and returns the command that they name.
// "help" is one that has been done already.
func parse(args []string, stdout, stderr io.Writer) (c *cli, command string, err error) {
	return parseIn(processEnvironment(), args, stdout, stderr)
}

func parseIn(env *environment, args []string, stdout, stderr io.Writer) (c *cli, command string, err error) {
	c = new(cli)
	help := &tried{Writer: stdout} // as kong does not say what came of it
	helped := false
	parser, err := kong.New(c,
		kong.Name("pollux"),
		kong.Description(description),
		kong.Writers(help, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Resolvers(env),
		kong.Vars{"listen": defaultListen},
	)
	if err != nil {
		return nil, "", err
	}
	parsed, err := parser.Parse(args)
	switch {
	case help.err != nil:
		return nil, "", help.err
	case helped:
		return c, "help", nil
	case err != nil:
		return nil, "", &usageError{withVariable(err)}
	}
	if strings.HasPrefix(parsed.Command(), "serve") {
		given := make(map[string]bool)
		for _, step := range parsed.Path {
			if step.Flag != nil {
				given[step.Flag.Name] = true
			}
		}
		if err := c.Serve.complete(env, given); err != nil {
			return nil, "", &usageError{err}
		}
		c.Serve.unknown = env.unknown(flagsOf(parser.Model.Node))
	}
	return c, parsed.Command(), nil
}

// flagsOf returns the names of all flags of all commands.
func flagsOf(command *kong.Node) []string {
	var names []string
	for _, flag := range command.Flags {
		names = append(names, flag.Name)
	}
	for _, child := range command.Children {
		names = append(names, flagsOf(child)...)
	}
	return names
}

// withVariable names the variable beside the flag that an error of kong begins with:
// the value may have come from either.
func withVariable(err error) error {
	flag, rest, found := strings.Cut(err.Error(), ": ")
	name, isFlag := strings.CutPrefix(flag, "--")
	if !found || !isFlag || strings.ContainsAny(name, " =") {
		return err
	}
	return fmt.Errorf("%s (%s): %s", flag, envName(name), rest)
}

// tried remembers the first error of a writer.
type tried struct {
	io.Writer
	err error
}

func (w *tried) Write(text []byte) (int, error) {
	n, err := w.Writer.Write(text)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

// duration is a time.Duration whose errors say what would be right.
type duration time.Duration

func (d duration) String() string { return time.Duration(d).String() }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	value, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration, want for example 5s, 300ms or 1h30m", text)
	}
	*d = duration(value)
	return nil
}

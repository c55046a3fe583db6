package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

const description = `Polls an API and streams each change to all clients, as Server-Sent Events. The API gets one request
in each interval, however many clients there are.

Without a command, pollux serves. Each flag of serve can be set in the environment as POLLUX_<FLAG>.
A flag wins over the environment, and the environment over the file named by --config.
POLLUX_PUBLISH_TOKEN is the bearer token for POST /api/streams/NAME/events. It has no flag,
because command lines are public.`

// cli is the command line.
type cli struct {
	Serve   serveCommand   `cmd:"" default:"withargs" help:"Poll and stream (the default command). Each flag can be set in the environment as POLLUX_<FLAG>."`
	Check   checkCommand   `cmd:"" help:"Validate a configuration file without starting. Exit status: 0 if it is valid, otherwise 2."`
	Health  healthCommand  `cmd:"" help:"Ask a running pollux whether it is healthy. Exit status: 0 if it is, otherwise 1."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

type versionCommand struct{}

// execute parses args and runs what they name.
func execute(ctx context.Context, hangups <-chan os.Signal, args []string, stdout, stderr io.Writer) error {
	stdout = untilEnd(ctx, stdout)
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
		return c.Check.run(stdout, untilEnd(ctx, stderr))
	case "version":
		_, err := fmt.Fprintln(stdout, versionLine())
		return err
	default:
		return c.Serve.run(ctx, hangups, stderr)
	}
}

// parse reads flags and environment and returns the command that they name. The
// command "help" has been executed already.
func parse(args []string, stdout, stderr io.Writer) (c *cli, command string, err error) {
	return parseIn(processEnvironment(), args, stdout, stderr)
}

func parseIn(env *environment, args []string, stdout, stderr io.Writer) (c *cli, command string, err error) {
	c = new(cli)
	help := &tried{Writer: stdout} // because kong ignores its errors
	helped := false
	parser, err := kong.New(c,
		kong.Name("pollux"),
		kong.Description(description),
		kong.Writers(help, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Resolvers(env),
		kong.Vars(config.Constants()),
	)
	if err != nil {
		return nil, "", err
	}
	declareFlags(parser.Model.Node)
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

// declareFlags gives the flags of settings what config declares: how a value is read,
// the help, and the default. Package kong must not set the default, because a field
// that is nil has its value from the file.
func declareFlags(command *kong.Node) {
	if command.Name == "serve" {
		for _, flag := range command.Flags {
			declareFlag(flag)
		}
	}
	for _, child := range command.Children {
		declareFlags(child)
	}
}

func declareFlag(flag *kong.Flag) {
	is := func(s *config.Setting) bool { return s.Flag == flag.Name }
	settings := config.Settings()
	at := slices.IndexFunc(settings, is)
	if at < 0 { // of the one stream, which has a flag here if it has no help of its own
		settings = config.StreamSettings()
		at = slices.IndexFunc(settings, func(s *config.Setting) bool { return s.Key == flag.Name && flag.Help == "" })
	}
	if at < 0 {
		return
	}
	s := settings[at]
	flag.Help, flag.HasDefault = s.Usage(), false
	if flag.IsBool() {
		flag.Help = s.Help
		return
	}
	flag.PlaceHolder = s.Placeholder
	flag.Mapper = kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("value", &text); err != nil {
			return err
		}
		if len(s.Choices) > 0 {
			text = strings.ToLower(text)
		}
		if text == "" && s.Key == "admin_listen" { // an empty value switches it off, whatever the file says
			return nil
		}
		return s.Decode(target, text)
	})
}

// withVariable names the variable beside the flag that an error of kong begins with:
// the value may have come from either.
func withVariable(err error) error {
	flag, rest, found := strings.Cut(err.Error(), ": ")
	name, isFlag := strings.CutPrefix(flag, "--")
	if !found || !isFlag || strings.ContainsAny(name, " =") {
		return err
	}
	if wrong, ok := errors.AsType[*config.ValueError](err); ok {
		return fmt.Errorf("%s (%s) %w", flag, config.VariableOf(name), wrong)
	}
	return fmt.Errorf("%s (%s): %s", flag, config.VariableOf(name), rest)
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/polluxhub/pollux/cmd/pollux/completion"
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
	Try     tryCommand     `cmd:"" help:"Ask the API of a stream once, and show what came: the answer, the document before and after select, and when Pollux would ask again. Exit status: 0 if a document would be published, otherwise 1."`
	Health  healthCommand  `cmd:"" help:"Ask a running pollux whether it is healthy. Exit status: 0 if it is, otherwise 1."`
	Reload  reloadCommand  `cmd:"" help:"Tell a running pollux to read its configuration again, by its admin address. Exit status: 0 if it did, otherwise 1."`
	Cluster clusterCommand `cmd:"" help:"Print the nodes that share the events of a running pollux, and who polls what, by its admin address. Exit status: 0 if events are stored, otherwise 1."`
	Token   tokenCommand   `cmd:"" help:"Make a token for the file that tokens.file names. It prints the token, of which the file keeps only a digest."`
	Version versionCommand `cmd:"" help:"Print the version."`

	Completion completionCommand `cmd:"" help:"Print a script with which a shell completes commands, flags and values."`
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
	case "reload":
		return c.Reload.run(ctx, stdout)
	case "cluster":
		return c.Cluster.run(ctx, stdout)
	case "check <file>":
		return c.Check.run(ctx, stdout, untilEnd(ctx, stderr))
	case "try", "try <stream>":
		return c.Try.run(ctx, stdout)
	case "completion <shell>":
		return c.Completion.run(stdout)
	case "token <name>":
		return c.Token.run(stdout)
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
	return parseIn(config.ProcessEnvironment(), args, stdout, stderr)
}

func parseIn(env *config.Environment, args []string, stdout, stderr io.Writer) (c *cli, command string, err error) {
	c = new(cli)
	help := &tried{Writer: stdout} // because kong ignores its errors
	helped := false
	parser, err := newParser(c,
		kong.Writers(help, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Resolvers(env),
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
	case err != nil && !hasVariables(err):
		return nil, "", &usageError{err}
	case err != nil:
		return nil, "", &usageError{config.WithVariable(err)}
	}
	if strings.HasPrefix(parsed.Command(), "serve") {
		given := make(map[string]bool)
		for _, step := range parsed.Path {
			if step.Flag != nil {
				given[step.Flag.Name] = true
			}
		}
		if err := c.Serve.Complete(env, given, judgeStream); err != nil {
			return nil, "", &usageError{err}
		}
		c.Serve.unknown = env.Unknown(config.FlagNames(parser.Model.Node))
	}
	return c, parsed.Command(), nil
}

// hasVariables reports whether the flags of the command that cannot be parsed can be set in
// the environment too.
func hasVariables(err error) bool {
	wrong, ok := errors.AsType[*kong.ParseError](err)
	return !ok || wrong.Context == nil || !strings.HasPrefix(wrong.Context.Command(), "token")
}

// newParser returns a parser that knows all commands and their flags.
func newParser(c *cli, options ...kong.Option) (*kong.Kong, error) {
	constants := config.Constants()
	constants["shells"] = strings.Join(completion.Shells(), ",")
	parser, err := kong.New(c, append(options, kong.Name("pollux"), kong.Description(description), kong.Vars(constants))...)
	if err == nil {
		config.DeclareFlags(parser.Model.Node)
	}
	return parser, err
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

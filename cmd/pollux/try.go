package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// tryCommand asks the upstream of one stream once, and shows what came.
type tryCommand struct {
	Config string   `placeholder:"FILE" help:"Configuration that has the stream."`
	URL    string   `placeholder:"URL" help:"API to ask, in place of a stream of a configuration."`
	Header []string `sep:"none" placeholder:"'NAME: VALUE'" help:"Header to send to the API of --url. The flag may be repeated."`
	Proxy  string   `placeholder:"URL" help:"Proxy for the requests, in place of the one of the configuration, or none."`
	Stream string   `arg:"" optional:"" help:"Stream, or one key of it as STREAM/KEY. Default: the only one."`
}

// tryConnections bounds the connections to upstreams of the commands that ask once.
const tryConnections = 16

// errTried is the error of a trial that has failed.
var errTried = errors.New("the stream would publish nothing")

func (c *tryCommand) run(ctx context.Context, stdout io.Writer) error {
	settings, streams, err := c.streams()
	if err != nil {
		return &usageError{err}
	}
	at, err := find(streams, c.Stream)
	if err != nil {
		return &usageError{err}
	}
	var path journey
	asked := streams[at].Poll
	asked.Name = streams[at].Name
	trial, err := asked.Try(path.watch(ctx), keysOf(c.Stream)...)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &usageError{errors.New(strings.TrimPrefix(err.Error(), "poller: "))}
	}
	r := report{stream: &settings.Streams[at], trial: &trial, path: &path}
	if _, err := io.WriteString(stdout, r.text()); err != nil {
		return err
	}
	if trial.Err != nil {
		class, reason := trial.Class()
		return fmt.Errorf("%s: %s: %s: %w", streams[at].Name, class, reason, errTried)
	}
	return nil
}

// streams returns the streams of the configuration, or the one of --url.
func (c *tryCommand) streams() (*config.Config, []pollux.Stream, error) {
	args := []string{"serve"}
	if c.URL != "" {
		args = append(args, "--url", c.URL)
	} else if c.Config != "" {
		args = append(args, "--config", c.Config)
	}
	if c.Proxy != "" {
		args = append(args, "--proxy", c.Proxy)
	}
	for _, header := range c.Header {
		args = append(args, "--header", header)
	}
	parsed, _, err := parseIn(config.ProcessEnvironment(), args, io.Discard, io.Discard)
	if err != nil {
		return nil, nil, err
	}
	return askable(&parsed.Serve)
}

// askable returns the streams of a configuration, ready to be asked.
func askable(serve *serveCommand) (*config.Config, []pollux.Stream, error) {
	p := &program{
		start:       &serve.Config,
		log:         slog.New(slog.DiscardHandler),
		maxDocument: *serve.MaxDocument,
		transports:  httpjson.NewTransports(guard.NewPlaces(tryConnections)),
		flags:       &serve.Flags,
	}
	streams, err := p.newStreams(&serve.Config)
	if err != nil {
		return nil, nil, err
	}
	return &serve.Config, streams[:len(serve.Streams)], nil // without the canary
}

// find returns the index of the stream with this name, or of the only one.
func find(streams []pollux.Stream, name string) (int, error) {
	base, _ := hub.SplitName(name)
	var names []string
	for i, s := range streams {
		switch {
		case base == s.Name && isPolled(s):
			return i, nil
		case base == s.Name:
			return 0, fmt.Errorf("the stream %s is only published to, and has no upstream", base)
		case isPolled(s):
			names = append(names, s.Name)
		}
	}
	switch {
	case len(names) == 0:
		return 0, errors.New("there is no stream with an upstream: want --config FILE or --url URL")
	case name == "" && len(names) == 1:
		return slices.IndexFunc(streams, func(s pollux.Stream) bool { return s.Name == names[0] }), nil
	case name == "":
		return 0, fmt.Errorf("which stream? There are %s", listed(names))
	}
	return 0, fmt.Errorf("there is no stream %q: there are %s", base, listed(names))
}

// isPolled reports whether a stream has an upstream.
func isPolled(s pollux.Stream) bool { return s.Poll.HasUpstream() }

// mostListed is how many names of streams an error has.
const mostListed = 20

// listed returns names with commas between them, not all if there are many.
func listed(names []string) string {
	if len(names) <= mostListed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:mostListed], ", "), len(names)-mostListed)
}

// keysOf returns the key in STREAM/KEY, if there is one.
func keysOf(name string) []string {
	if _, key := hub.SplitName(name); key != "" {
		return []string{key}
	}
	return nil
}

// waitOf returns when the stream would be asked next after this trial, and why then.
func waitOf(s *config.Stream, t *poller.Trial) (time.Duration, string) {
	switch {
	case t.Wait > s.Every:
		return t.Wait, cmp.Or(t.Said, "the upstream wants it")
	case s.Source == config.SSE && t.Retry > 0:
		return min(max(t.Retry, poller.MinGap), s.MaxWait), "the upstream says retry: " + strconv.FormatInt(t.Retry.Milliseconds(), 10)
	case s.Source == config.SSE:
		return poller.DefaultReconnect, "the upstream does not say retry"
	case t.Err != nil:
		return s.Every, "every; longer after each further failure"
	}
	return s.Every, "every"
}

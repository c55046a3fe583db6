package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// serveCommand is the configuration of a program, as flags and environment give
// it.
type serveCommand struct {
	Config            string   `placeholder:"FILE" help:"Configuration with many streams; see docs/cookbook.md. Read anew at SIGHUP."`
	AdminListen       string   `placeholder:"HOST:PORT" help:"Loopback address for /metrics and POST /-/reload. Default: none, and /metrics with the rest."`
	Listen            string   `default:"${listen}" placeholder:"HOST:PORT" help:"Address to serve on. Default: ${default}."`
	URL               string   `placeholder:"URL" help:"API to poll. Default: a mock with random values."`
	Header            []string `sep:"none" placeholder:"'NAME: VALUE'" help:"Header to send to the API; may be repeated. In the environment: one a line."`
	Every             duration `default:"5s" help:"How often to poll. Default: ${default}."`
	Timeout           duration `help:"How long one poll may take; less than --every. Default: four fifths of --every, at most 10s."`
	Push              bool     `help:"Do not poll: stream only what is published."`
	History           int      `default:"1000" help:"Events of each stream kept for clients that resume. Default: ${default}."`
	HistoryBytes      int      `default:"16777216" help:"Size of these events at most, in bytes, of each stream. Default: ${default}."`
	HistoryTotalBytes *int     `placeholder:"BYTES" help:"Size of these events at most, of all streams together; the newest of each stays. Default: a quarter of the memory that cgroup or GOMEMLIMIT allows, at most 268435456."`
	Buffer            int      `default:"16" help:"Events buffered for each client. Default: ${default}."`
	MaxClients        *int     `placeholder:"N" help:"Streams open at once. Default: what the limit on descriptors allows."`
	MaxConnections    *int     `placeholder:"N" help:"Other connections open at once, such as idle ones. Default: a share of the descriptors."`
	MaxViews          int      `default:"64" help:"Different combinations of fields (and mode and format) that clients may use at once. Default: ${default}."`
	FormBytes         int      `default:"33554432" help:"Size of what is kept for several clients: compressed events, differences, parts. In bytes. Default: ${default}."`
	MaxDocument       int      `default:"1048576" help:"Size of one document at most, in bytes. Default: ${default}."`
	Heartbeat         duration `default:"15s" help:"Silence after which a client hears a heartbeat, give or take a fifth. Default: ${default}."`
	WriteTimeout      duration `default:"10s" help:"Time in which a client has to take what is pending, or what --min-rate gives in it; else it is closed. Default: ${default}."`
	MinRate           int      `default:"1000" placeholder:"BYTES" help:"Bytes a second that a client has to take when more is pending than it takes within the write timeout. Default: ${default}."`
	MaxAge            duration `default:"1h" help:"How long one stream lasts at most. Default: ${default}."`
	AllowOrigin       []string `placeholder:"ORIGIN" help:"Other origin whose pages may read the API, such as https://example.com, or *; may be repeated."`
	TrustedProxies    []string `placeholder:"NETWORK,..." help:"Networks, or addresses, of proxies whose X-Forwarded-For is believed: the client is its right-most address that is not among them. Default: none."`
	Compression       string   `default:"on" placeholder:"on|off" help:"Compress streams, the newest documents and assets for clients that accept gzip, once for all of them. Default: ${default}."`
	Drain             duration `default:"8s" help:"Time over which streams end at shutdown. Default: ${default}."`
	LogFormat         string   `default:"text" placeholder:"text|json" help:"Format of the log on standard error. Default: ${default}."`
	LogLevel          string   `default:"info" placeholder:"debug|info|warn|error" help:"What the log tells. Default: ${default}."`

	publishToken string
	given        map[string]bool     // flags that the command line or the environment has set
	getenv       func(string) string // nil: judged apart from where it runs
	unknown      []unknownVariable
	logDropped   func() uint64  // how many records of the log were dropped; nil for none
	trusted      []netip.Prefix // what TrustedProxies names

	file    *config.Config  // what Config names; nil without
	streams []config.Stream // what to serve: those of the file, or the one that flags describe
	canary  time.Duration   // 0: none
}

func (c *serveCommand) run(ctx context.Context, hangups <-chan os.Signal, stderr io.Writer) error {
	if err := c.check(); err != nil {
		return &usageError{err}
	}
	queue := newLogQueue(stderr, func(w io.Writer) slog.Handler { return logHandler(c, w) })
	defer queue.close(logFlush)
	c.logDropped = queue.Dropped
	logger := slog.New(logHandler(c, queue))
	slog.SetDefault(logger) // and with it package log, by which libraries speak
	// net/http quotes there what an upstream says unasked, each time.
	slog.SetLogLoggerLevel(slog.LevelDebug)
	for _, variable := range c.unknown {
		logger.Warn("unknown variable in the environment, ignored", "name", variable.name, "nearest", variable.nearest)
	}
	p, err := newProgram(c, logger)
	if err != nil {
		return &usageError{err} // nothing has run yet
	}
	return p.run(ctx, hangups)
}

// The bounds of what is sensible.
const (
	minEvery    = 10 * time.Millisecond
	maxEvery    = 24 * time.Hour
	minInterval = 10 * time.Millisecond // of heartbeats and time limits
)

// check judges the configuration. Of several mistakes it names the first.
func (c *serveCommand) check() error {
	if err := config.CheckListen(c.Listen); err != nil {
		return wrong("listen", c.Listen, "%v", err)
	}
	for _, d := range []struct {
		flag     string
		value    duration
		min, max time.Duration
		example  string
	}{
		{"every", c.Every, minEvery, maxEvery, "5s"},
		{"heartbeat", c.Heartbeat, minInterval, maxEvery, "15s"},
		{"write-timeout", c.WriteTimeout, minInterval, maxEvery, "10s"},
		{"max-age", c.MaxAge, minInterval, 7 * maxEvery, "1h"},
		{"drain", c.Drain, 0, time.Hour, "8s"},
	} {
		if time.Duration(d.value) < d.min || time.Duration(d.value) > d.max {
			return wrong(d.flag, d.value, "want from %v to %v, for example %s", d.min, d.max, d.example)
		}
	}
	if c.Timeout < 0 || c.Timeout >= c.Every {
		return wrong("timeout", c.Timeout, "want less than --every, which is %v", c.Every)
	}
	for _, n := range []struct {
		flag  string
		value *int // nil: not given
		max   int
	}{
		{"history", &c.History, config.MaxHistory},
		{"history-bytes", &c.HistoryBytes, config.MaxBytes},
		{"history-total-bytes", c.HistoryTotalBytes, config.MaxBytes},
		{"buffer", &c.Buffer, hub.MaxBuffer},
		{"max-clients", c.MaxClients, config.MaxClients},
		{"max-connections", c.MaxConnections, config.MaxClients},
		{"min-rate", &c.MinRate, config.MaxMinRate},
		{"max-views", &c.MaxViews, config.MaxViews},
		{"form-bytes", &c.FormBytes, config.MaxBytes},
		{"max-document", &c.MaxDocument, document.MaxTree},
	} {
		if n.value != nil && (*n.value < 1 || *n.value > n.max) {
			return wrong(n.flag, *n.value, "want from 1 to %d", n.max)
		}
	}
	if c.HistoryTotalBytes == nil {
		c.HistoryTotalBytes = new(defaultHistoryTotal())
	}
	switch c.Compression = strings.ToLower(c.Compression); c.Compression {
	case "on", "off":
	default:
		return wrong("compression", c.Compression, "want on or off")
	}
	switch c.LogFormat = strings.ToLower(c.LogFormat); c.LogFormat {
	case "text", "json":
	default:
		return wrong("log-format", c.LogFormat, "want text or json")
	}
	switch c.LogLevel = strings.ToLower(c.LogLevel); c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		return wrong("log-level", c.LogLevel, "want debug, info, warn or error")
	}
	for _, origin := range c.AllowOrigin {
		if err := handlers.CheckOrigin(origin); err != nil {
			return wrong("allow-origin", origin, "%v", err)
		}
	}
	for _, network := range c.TrustedProxies {
		prefix, err := config.ParseNetwork(network)
		if err != nil {
			return wrong("trusted-proxies", network, "%v", err)
		}
		c.trusted = append(c.trusted, prefix)
	}
	if c.AdminListen != "" {
		if err := cmp.Or(config.CheckAdminListen(c.AdminListen), config.CheckBoth(c.Listen, c.AdminListen)); err != nil {
			return wrong("admin-listen", c.AdminListen, "%v", err)
		}
	}
	if len(c.streams) > 0 {
		return nil
	}
	return c.checkSource()
}

func isLoopback(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return err == nil && port != "" && handlers.IsLoopback(host)
}

// checkSource makes the one stream that flags describe.
func (c *serveCommand) checkSource() error {
	if c.Push && c.URL != "" {
		return errors.New("--push and --url exclude each other: a stream is polled or only published to")
	}
	header := make(http.Header)
	for _, lines := range c.Header {
		for line := range strings.SplitSeq(lines, "\n") {
			if strings.TrimSpace(line) == "" {
				continue
			}
			name, value, found := strings.Cut(line, ":")
			name, value = textproto.TrimString(name), textproto.TrimString(value)
			switch {
			case !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
				// The value may be a secret, so it is not repeated.
				return errors.New("--header (POLLUX_HEADER): want 'NAME: VALUE', for example 'Accept-Language: en'")
			case httpjson.IsReserved(name):
				return fmt.Errorf("--header (POLLUX_HEADER): %s cannot be set: HTTP or the check for changes works by it", name)
			}
			header.Add(name, value)
		}
	}
	if len(header) > 0 && c.URL == "" {
		return errors.New("--header without --url: there is nobody to send it to")
	}
	stream := config.Stream{
		Name:    hub.DefaultStream,
		Push:    c.Push,
		Mock:    !c.Push && c.URL == "",
		Every:   time.Duration(c.Every),
		Timeout: time.Duration(c.Timeout),
		Headers: make(map[string]config.Secret),
	}
	if c.URL != "" {
		if err := config.CheckURL(c.URL, config.ExampleURL); err != nil {
			return wrong("url", config.MaskURL(c.URL), "%v", err)
		}
		if u, err := url.Parse(c.URL); err == nil && u.User != nil && header.Get("Authorization") != "" {
			return errors.New("--header (POLLUX_HEADER): Authorization and a user in the URL, want one of them")
		}
		stream.URL, stream.Conditional, stream.Revalidate = config.NewSecret(c.URL), true, poller.DefaultRevalidate
	}
	for name, values := range header {
		separator := ", " // as RFC 9110 section 5.3 has it
		if name == "Cookie" {
			separator = "; " // RFC 6265 section 5.4
		}
		stream.Headers[name] = config.NewSecret(strings.Join(values, separator))
	}
	c.streams = []config.Stream{stream}
	return nil
}

// wrong is the error for one flag: which, what it is, what would be right.
func wrong(flag string, value any, format string, args ...any) error {
	return fmt.Errorf("--%s (%s) is %v: %s", flag, envName(flag), value, fmt.Sprintf(format, args...))
}

// given returns a number that may not be given, and 0 then: what stands for the
// default below.
func given(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// checkCommand judges a configuration as a start would.
type checkCommand struct {
	File string `arg:"" help:"The configuration, such as pollux.yaml."`
}

func (c *checkCommand) run(stdout io.Writer) error {
	serve, _, err := parse([]string{"serve", "--config", c.File}, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	if err := serve.Serve.check(); err != nil {
		return &usageError{err}
	}
	set, err := newStreamSet(c.File, serve.Serve.streams, serve.Serve.canary, serve.Serve.MaxDocument)
	if err != nil {
		return &usageError{err}
	}
	set.close()
	_, err = fmt.Fprintf(stdout, "%s: well, %d streams\n", c.File, len(set.names))
	return err
}

// readFile reads the configuration. What flags and environment give wins over
// what is in it.
func (c *serveCommand) readFile(given map[string]bool) error {
	for _, flag := range []string{"url", "header", "push", "every", "timeout"} {
		if given[flag] {
			return fmt.Errorf("--%s (%s) and --config exclude each other: the file says what to stream", flag, envName(flag))
		}
	}
	file, err := config.Load(c.Config, os.Getenv)
	if err != nil {
		return err
	}
	if err := checkNotEmpty(c.Config, file); err != nil {
		return err
	}
	c.file, c.streams, c.canary = file, file.Streams, canaryOf(file)

	text := func(flag string, value *string, fallback *string) {
		if !given[flag] && fallback != nil {
			*value = *fallback
		}
	}
	number := func(flag string, value *int, fallback *int) {
		if !given[flag] && fallback != nil {
			*value = *fallback
		}
	}
	span := func(flag string, value *duration, fallback *time.Duration) {
		if !given[flag] && fallback != nil {
			*value = duration(*fallback)
		}
	}
	optional := func(flag string, value **int, fallback *int) {
		if !given[flag] && fallback != nil {
			*value = fallback
		}
	}
	text("listen", &c.Listen, file.Listen)
	text("admin-listen", &c.AdminListen, file.AdminListen)
	text("compression", &c.Compression, file.Compression)
	text("log-format", &c.LogFormat, file.LogFormat)
	text("log-level", &c.LogLevel, file.LogLevel)
	number("history", &c.History, file.History)
	number("history-bytes", &c.HistoryBytes, file.HistoryBytes)
	number("buffer", &c.Buffer, file.Buffer)
	optional("history-total-bytes", &c.HistoryTotalBytes, file.HistoryTotalBytes)
	optional("max-clients", &c.MaxClients, file.MaxClients)
	optional("max-connections", &c.MaxConnections, file.MaxConnections)
	number("min-rate", &c.MinRate, file.MinRate)
	number("max-views", &c.MaxViews, file.MaxViews)
	number("form-bytes", &c.FormBytes, file.FormBytes)
	number("max-document", &c.MaxDocument, file.MaxDocument)
	span("heartbeat", &c.Heartbeat, file.Heartbeat)
	span("write-timeout", &c.WriteTimeout, file.WriteTimeout)
	span("max-age", &c.MaxAge, file.MaxAge)
	span("drain", &c.Drain, file.Drain)
	if !given["allow-origin"] && file.AllowOrigins != nil {
		c.AllowOrigin = file.AllowOrigins
	}
	if !given["trusted-proxies"] && file.TrustedProxies != nil {
		c.TrustedProxies = nil
		for _, network := range file.TrustedProxies {
			c.TrustedProxies = append(c.TrustedProxies, network.String())
		}
	}
	if c.publishToken == "" {
		c.publishToken = file.PublishToken.Reveal()
	}
	return nil
}

func checkNotEmpty(name string, file *config.Config) error {
	if len(file.Streams) == 0 && file.Canary == nil {
		return fmt.Errorf("%s: there are no streams: want at least one entry in streams", name)
	}
	return nil
}

// canaryOf returns how often the canary ticks, 0 if there is none.
func canaryOf(file *config.Config) time.Duration {
	if file.Canary == nil {
		return 0
	}
	return *file.Canary
}

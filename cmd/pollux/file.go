package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// complete adds what is not a flag: the token of the environment, and the file. What
// flags and environment give wins over what is in it. given are the flags that either
// has set.
func (c *serveCommand) complete(env *environment, given map[string]bool) error {
	c.given = given
	if !env.apart {
		c.getenv = env.get
	}
	c.publishToken = env.get(tokenVariable)
	if c.Config == "" {
		return c.excludeFlags()
	}
	for _, flag := range []string{"url", "header", "push", "every", "timeout"} {
		if given[flag] {
			return fmt.Errorf("--%s (%s) and --config exclude each other: the file says what to stream", flag, envName(flag))
		}
	}
	return c.readFile()
}

// where names what gives a setting that a file may have its value: the file if it is
// that, else flag and variable.
func (c *serveCommand) where(flag string) string {
	fromFile := c.file != nil && !c.given[flag]
	if fromFile && (flag == "listen" && c.file.Listen != nil || flag == "admin-listen" && c.file.AdminListen != nil) {
		return c.Config + ": " + strings.ReplaceAll(flag, "-", "_")
	}
	return fmt.Sprintf("--%s (%s)", flag, envName(flag))
}

// excludeFlags refuses flags without effect beside others.
func (c *serveCommand) excludeFlags() error {
	for _, flag := range []string{"every", "timeout"} {
		if c.Push && c.given[flag] {
			return fmt.Errorf("--%s (%s) and --push exclude each other: nothing is polled", flag, envName(flag))
		}
	}
	return nil
}

// load reads the configuration, and judges it as far as a start does.
func (c *serveCommand) load() (*config.Config, error) {
	maxDocument := c.MaxDocument
	return config.Load(c.Config, config.Options{
		Getenv:       c.getenv,
		Judge:        func(s *config.Stream) error { return judgeStream(*s, maxDocument) },
		NeedsStreams: true,
	})
}

func (c *serveCommand) readFile() error {
	file, err := c.load()
	if err != nil {
		return err
	}
	c.file, c.streams, c.canary = file, file.Streams, canaryOf(file)

	text := func(flag string, value *string, fallback *string) {
		if !c.given[flag] && fallback != nil {
			*value = *fallback
		}
	}
	number := func(flag string, value *int, fallback *int) {
		if !c.given[flag] && fallback != nil {
			*value = *fallback
		}
	}
	span := func(flag string, value *duration, fallback *time.Duration) {
		if !c.given[flag] && fallback != nil {
			*value = duration(*fallback)
		}
	}
	optional := func(flag string, value **int, fallback *int) {
		if !c.given[flag] && fallback != nil {
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
	if !c.given["allow-origin"] && file.AllowOrigins != nil {
		c.AllowOrigin = file.AllowOrigins
	}
	if !c.given["trusted-proxies"] && file.TrustedProxies != nil {
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

// canaryOf returns how often the canary ticks, 0 if there is none.
func canaryOf(file *config.Config) time.Duration {
	if file.Canary == nil {
		return 0
	}
	return *file.Canary
}

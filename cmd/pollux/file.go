package main

import (
	"fmt"
	"strings"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// complete adds what is not a flag: variables without one, the file, and defaults.
// What flags and the environment give wins over what the file says. given are the
// flags that either has set.
func (c *serveCommand) complete(env *environment, given map[string]bool) error {
	c.given = given
	if !env.apart {
		c.getenv = env.get
	}
	for _, s := range config.Settings() {
		if text := env.get(s.Variable); s.Flag == "" && text != "" {
			if err := s.Give(&c.Config, text); err != nil {
				return fmt.Errorf("%s: %w", s.Variable, err)
			}
		}
	}
	if c.File != "" {
		if err := c.readFile(); err != nil {
			return err
		}
	} else {
		stream, err := c.flagStream()
		if err != nil {
			return err
		}
		c.Streams = []config.Stream{stream}
	}
	c.Config = c.Or(config.Defaults())
	if admin := c.adminAddress(); admin != "" {
		if err := config.CheckBoth(*c.Listen, admin); err != nil {
			return wrong("admin-listen", admin, "%v", err)
		}
	}
	return nil
}

func (c *serveCommand) readFile() error {
	for _, flag := range []string{"url", "header", "push", "every", "timeout"} {
		if c.given[flag] {
			return fmt.Errorf("--%s (%s) and --config exclude each other: the file says what to stream", flag, config.VariableOf(flag))
		}
	}
	file, err := c.load()
	if err != nil {
		return err
	}
	c.file = file
	c.Config = c.Or(file)
	return nil
}

// load reads the file, and judges it as a start does.
func (c *serveCommand) load() (*config.Config, error) {
	maxDocument := *c.Or(config.Defaults()).MaxDocument
	return config.Load(c.File, config.Options{
		Getenv:       c.getenv,
		Judge:        func(s *config.Stream) error { return judgeStream(s, maxDocument) },
		NeedsStreams: true,
	})
}

// where names the source of a setting that a file may have: the file if the value is
// from there, else flag and variable.
func (c *serveCommand) where(flag string) string {
	fromFile := c.file != nil && !c.given[flag]
	if fromFile && (flag == "listen" && c.file.Listen != nil || flag == "admin-listen" && c.file.AdminListen != nil) {
		return c.File + ": " + strings.ReplaceAll(flag, "-", "_")
	}
	return fmt.Sprintf("--%s (%s)", flag, config.VariableOf(flag))
}

// adminAddress returns the address for administration, "" if none is set.
func (c *serveCommand) adminAddress() string {
	if c.AdminListen == nil {
		return ""
	}
	return *c.AdminListen
}

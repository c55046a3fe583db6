package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// healthCommand is the health check of the container, which has no shell and no
// curl.
type healthCommand struct {
	Config string `placeholder:"FILE" help:"Configuration of the pollux to ask."`
	Listen string `placeholder:"ADDRESS" help:"Address that pollux serves on. Default: the address in the configuration, or ${listen}."`
}

const healthTimeout = 3 * time.Second

func (c *healthCommand) run(ctx context.Context) error {
	server, err := c.server(config.ProcessEnvironment())
	if err != nil {
		return &usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	resp, err := server.ask(ctx, http.MethodGet, "/healthz")
	if err != nil {
		return fmt.Errorf("unhealthy: %w", err)
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New("unhealthy: " + resp.Status)
	}
	return nil
}

// server returns where pollux serves: what the flag, the environment, or the file says, as
// for serve. Of several addresses, one that can be asked counts.
func (c *healthCommand) server(env *config.Environment) (*reached, error) {
	settings, err := config.Probe(c.Config, env)
	if err != nil {
		return nil, err
	}
	if c.Listen != "" {
		if settings.Listen, err = config.Addresses(c.Listen); err != nil {
			return nil, config.FlagError("listen", c.Listen, "%v", err)
		}
	}
	for _, address := range settings.Listen {
		if server := reach(address, settings); server != nil {
			return server, nil
		}
	}
	return nil, config.FlagError("listen", cmp.Or(c.Listen, settings.Listen[0]), "want an address with the port that pollux listens on: which one it was given, its log says")
}

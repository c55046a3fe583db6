package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// healthCommand is the health check of the container, which has no shell and no
// curl.
type healthCommand struct {
	Config string `placeholder:"FILE" help:"Configuration of the pollux to ask."`
	Listen string `placeholder:"HOST:PORT" help:"Address that pollux serves on. Default: the address in the configuration, or ${listen}."`
}

const healthTimeout = 3 * time.Second

func (c *healthCommand) run(ctx context.Context) error {
	address, err := c.address(config.ProcessEnvironment())
	if err != nil {
		return &usageError{err}
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		err = config.CheckListen(address)
	}
	switch {
	case err != nil:
		return &usageError{config.FlagError("listen", address, "%v", err)}
	case port == "0":
		return &usageError{config.FlagError("listen", address, "want the port that pollux listens on: which one it was given, its log says")}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // listening everywhere includes here, and a container may have no resolver
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	target := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/healthz"} // which escapes an IPv6 zone
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	// Nothing of the environment (a proxy, say) may come between.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
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

// address returns where pollux serves: what the flag, the environment, or the file says,
// as for serve.
func (c *healthCommand) address(env *config.Environment) (string, error) {
	if c.Listen != "" || c.Config == "" {
		return cmp.Or(c.Listen, config.DefaultListen), nil
	}
	listen, err := config.Listen(c.Config, env.Get)
	if err != nil || listen == nil {
		return config.DefaultListen, err
	}
	return *listen, nil
}

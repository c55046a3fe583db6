package main

import (
	"cmp"
	"context"
	"crypto/tls"
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
	Config      string `placeholder:"FILE" help:"Configuration of the pollux to ask."`
	Listen      string `placeholder:"HOST:PORT" help:"Address that pollux serves on. Default: the address in the configuration, or ${listen}."`
	TLSCertFile string `placeholder:"FILE" help:"As for serve: pollux is asked by HTTPS. The file is not read."`
}

const healthTimeout = 3 * time.Second

func (c *healthCommand) run(ctx context.Context) error {
	if err := c.complete(config.ProcessEnvironment()); err != nil {
		return &usageError{err}
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err == nil {
		err = config.CheckListen(c.Listen)
	}
	switch {
	case err != nil:
		return &usageError{config.FlagError("listen", c.Listen, "%v", err)}
	case port == "0":
		return &usageError{config.FlagError("listen", c.Listen, "want the port that pollux listens on: which one it was given, its log says")}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // listening everywhere includes here, and a container may have no resolver
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	target := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/healthz"} // which escapes an IPv6 zone
	if c.TLSCertFile != "" {
		target.Scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{ // nothing of the environment (a proxy, say) may come between
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is for another name, and nothing secret is sent
	}}
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

// complete adds how pollux is reached to what flags and the environment say: as the file
// says, else as by default.
func (c *healthCommand) complete(env *config.Environment) error {
	file := new(config.Config)
	if c.Config != "" {
		var err error
		if file, err = config.Probe(c.Config, env.Get); err != nil {
			return err
		}
	}
	c.Listen = cmp.Or(c.Listen, given(file.Listen), config.DefaultListen)
	c.TLSCertFile = cmp.Or(c.TLSCertFile, given(file.TLSCertFile))
	return nil
}

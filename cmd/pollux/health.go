package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// healthCommand is the health check of the container, which has no shell and no
// curl.
type healthCommand struct {
	Listen string `default:"127.0.0.1:3000" placeholder:"HOST:PORT" help:"Address that pollux serves on. Default: ${default}."`
}

const healthTimeout = 3 * time.Second

func (c *healthCommand) run(ctx context.Context) error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return &usageError{wrong("listen", c.Listen, "want HOST:PORT, for example 127.0.0.1:3000")}
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

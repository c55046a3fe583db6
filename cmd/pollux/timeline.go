package main

import (
	"cmp"
	"fmt"
	"log/slog"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/beside"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// newLog returns the log that the settings want, or nil for one in memory. keeps says what
// of a stream is kept; it is not called before the log is open.
func (c *serveCommand) newLog(log *slog.Logger, keeps func(stream string) (events, bytes int)) (pollux.Log, error) {
	opts := natslog.Options{Node: c.nodeName(), Keep: keeps, Logger: log}
	switch {
	case len(c.NATS) > 0:
		server, err := beside.New(beside.Options{
			URLs:            c.NATS,
			CredentialsFile: given(c.NATSCredentialsFile),
			TokenFile:       given(c.NATSTokenFile),
			User:            given(c.NATSUser), PasswordFile: given(c.NATSPasswordFile),
			CAFile:   given(c.NATSCAFile),
			CertFile: given(c.NATSCertFile), KeyFile: given(c.NATSKeyFile),
			Logger: log,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Where("nats"), err)
		}
		opts.Server, opts.Name, opts.Replicas = server, *c.NATSStream, *c.NATSReplicas
	case c.Data != nil:
		server, err := embedded.New(embedded.Options{Dir: *c.Data, Sync: embedded.Sync(*c.DataSync), Logger: log})
		if err != nil {
			return nil, err
		}
		opts.Server = server
	default:
		return nil, nil //nolint:nilnil // no log is the default
	}
	return natslog.New(opts)
}

// nodeName returns the name of this process among those that share events.
func (c *serveCommand) nodeName() string { return cmp.Or(given(c.Node), pollux.DefaultNode()) }

package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/beside"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// timeline is a log that outlives the process.
type timeline struct {
	log     pollux.Log
	nodes   *nodes           // nil: no other process shares it
	cluster *embedded.Server // nil: it is not that of a cluster of Pollux
}

// newTimeline returns the log that the settings want, or nil for one in memory. keeps says
// what of a stream is kept, and uses whether somebody listens to a key; neither is called
// before the log is open.
func (c *serveCommand) newTimeline(log *slog.Logger, keeps func(stream string) (events, bytes int), uses func(key string) bool) (*timeline, error) {
	t := new(timeline)
	opts := natslog.Options{
		Node: c.nodeName(), Keep: keeps, Uses: uses, Logger: log,
		First: func() bool { return t.nodes.IsFirst("to tidy the log") }, // there are nodes if the log is shared
	}
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
		member, err := c.cluster()
		if err != nil {
			return nil, err
		}
		server, err := embedded.New(embedded.Options{Dir: *c.Data, Sync: embedded.Sync(*c.DataSync), Cluster: member, Logger: log})
		if err != nil {
			return nil, err
		}
		opts.Server = server
		if member != nil {
			t.cluster, opts.Replicas = server, len(member.Routes)
		}
	default:
		return nil, nil //nolint:nilnil // none is the default
	}
	size := 0
	if t.cluster != nil {
		size = opts.Replicas
	}
	made, err := natslog.New(opts)
	if err != nil {
		return nil, err
	}
	t.log = made
	if made.Shared() {
		t.nodes, err = newNodes(opts, size, func() uint64 { return made.Stats().Lag })
	}
	return t, err
}

// connect gives the log to a Pollux.
func (t *timeline) connect(to *pollux.Options) {
	if t == nil {
		return
	}
	to.Log, to.Admin.Cluster = t.log, t.view()
	if t.nodes != nil { // else it would be one that is not nil
		to.Nodes = t.nodes
	}
}

// cluster returns the cluster that the settings make this a node of, or nil.
func (c *serveCommand) cluster() (*embedded.Cluster, error) {
	if c.ClusterListen == nil {
		return nil, nil //nolint:nilnil // none is the default
	}
	cluster := &embedded.Cluster{Node: *c.Node, Listen: *c.ClusterListen, Routes: c.ClusterRoutes}
	switch {
	case c.ClusterSecretFile != nil:
		text, err := os.ReadFile(*c.ClusterSecretFile)
		if err == nil {
			cluster.Guard = embedded.Secret(strings.TrimRight(string(text), "\r\n"))
			err = cluster.Guard.Check()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Where("cluster-secret-file"), err)
		}
	case c.ClusterCertFile != nil:
		cluster.Guard = embedded.Certificates{CertFile: *c.ClusterCertFile, KeyFile: *c.ClusterKeyFile, CAFile: *c.ClusterCAFile}
		if err := cluster.Guard.Check(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Where("cluster-cert-file"), err)
		}
	}
	return cluster, nil
}

// nodeName returns the name of this process among those that share events.
func (c *serveCommand) nodeName() string { return cmp.Or(given(c.Node), pollux.DefaultNode()) }

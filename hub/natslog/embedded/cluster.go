package embedded

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/polluxhub/pollux/internal/endpoint"
)

// Cluster makes a server one of several, each in a process of its own, that keep the same
// events together. As long as a majority of them runs and reaches each other, events are
// stored.
type Cluster struct {
	// Node is the name of this server, without spaces. No other one has it. The directory
	// belongs to it for good.
	Node string

	// Listen is HOST:PORT to serve the other servers on, as CheckClusterListen wants it.
	Listen string

	// Routes are HOST:PORT of all servers, this one included, as CheckRoutes wants them.
	// They are the same for all of them, and each server keeps all events.
	Routes []string

	// Guard says who belongs to the cluster. Nil means everybody who reaches it, and then
	// all addresses have to be on this machine, see IsLocal.
	Guard Guard
}

// Sizes of a cluster: of 3 servers one may be gone, and of 5 two.
const (
	SmallCluster = 3
	LargeCluster = 5
)

const (
	// clusterName keeps servers apart that belong to something else.
	clusterName = "pollux"

	// noPort is a port that cannot be opened, see serverOptions.
	noPort = 1 << 16

	// routePing is how often a silent connection between servers is tested. After two
	// tests without an answer it is closed.
	routePing = 5 * time.Second

	// routeTLSTimeout bounds the TLS handshake of two servers.
	routeTLSTimeout = 5 * time.Second
)

// CheckClusterListen returns nil if text can be Cluster.Listen.
func CheckClusterListen(text string) error {
	at, err := endpoint.Parse(text)
	if err != nil || at.Network != endpoint.TCP || strings.HasSuffix(text, ":0") {
		return errors.New("want HOST:PORT, for example 10.0.0.1:6222, or :6222 for all interfaces")
	}
	return nil
}

// CheckRoute returns nil if text can be an entry of Cluster.Routes.
func CheckRoute(text string) error {
	host, _, err := net.SplitHostPort(text)
	if err != nil || host == "" || CheckClusterListen(text) != nil {
		return errors.New("want HOST:PORT of a node, for example a:6222")
	}
	return nil
}

// CheckRoutes returns nil if a list can be Cluster.Routes.
func CheckRoutes(routes []string) error {
	for i, route := range routes {
		if err := CheckRoute(route); err != nil {
			return err
		}
		if slices.Contains(routes[:i], route) {
			return fmt.Errorf("want each node once, and %s is there twice", route)
		}
	}
	if n := len(routes); n != SmallCluster && n != LargeCluster {
		return fmt.Errorf("want %d or %d nodes, this one included, and not %d: of one or two none may be gone, and of four no more than of three", SmallCluster, LargeCluster, n)
	}
	return nil
}

// check returns what is wrong with the options.
func (c *Cluster) check() error {
	if c.Node == "" || strings.ContainsAny(c.Node, " \t\r\n") {
		return fmt.Errorf("embedded: Node is %q, want a name without spaces", c.Node)
	}
	if err := CheckClusterListen(c.Listen); err != nil {
		return fmt.Errorf("embedded: Listen is %q, %w", c.Listen, err)
	}
	if err := CheckRoutes(c.Routes); err != nil {
		return fmt.Errorf("embedded: Routes: %w", err)
	}
	if c.Guard != nil {
		if err := c.Guard.Check(); err != nil {
			return fmt.Errorf("embedded: Guard: %w", err)
		}
	} else {
		for _, address := range append([]string{c.Listen}, c.Routes...) {
			if !IsLocal(address) {
				return fmt.Errorf("embedded: no Guard, and %s is not on this machine alone", address)
			}
		}
	}
	return nil
}

// IsLocal reports whether only this machine can reach HOST:PORT. A cluster with another
// address needs a Guard: any program that answers there, or connects, would belong to it.
func IsLocal(address string) bool {
	at, err := endpoint.Parse(address)
	return err == nil && at.IsLocal()
}

// join makes the options those of a server in the cluster.
//
// With DontListen, the port for routes would not open either: the server opens it after that
// of clients, and would wait for this without end. So it tries to open one of clients that
// cannot exist, says so, and goes on.
func (c *Cluster) join(opts *server.Options) error {
	host, portText, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	opts.DontListen, opts.Host, opts.Port = false, "127.0.0.1", noPort
	opts.ServerName = c.Node
	opts.NoSystemAccount = false // the servers of a cluster talk in it
	opts.Cluster = server.ClusterOpts{
		Name: clusterName, Host: host, Port: port, NoAdvertise: true,
		PingInterval: routePing, MaxPingsOut: 2, TLSTimeout: routeTLSTimeout.Seconds(),
	}
	if c.Guard != nil {
		if opts.Cluster.TLSConfig, err = c.Guard.config(); err != nil {
			return err
		}
	}
	opts.Routes = make([]*url.URL, len(c.Routes))
	for i, route := range c.Routes {
		opts.Routes[i] = &url.URL{Scheme: "nats-route", Host: route}
	}
	return nil
}

// isNoPort reports whether a server says that it does not serve clients, as it is to.
func isNoPort(text string) bool {
	return strings.Contains(text, fmt.Sprintf("address %d: invalid port", noPort))
}

package nodes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/subject"
)

// The stream that clients read.
const (
	stream  = "events"
	streams = "streams: [{name: " + stream + ", push: true}]\n"
)

// token guards nothing: the nodes listen on the loopback interface, for this run.
const token = "nodes"

// stopWithin is how long a node may take to close its clients, of which there are thousands.
const stopWithin = 30 * time.Second

// patience bounds each wait for something to be there.
const patience = time.Minute

// node is one Pollux.
type node struct {
	*subject.Server
	address, admin string
	http           *http.Client
}

// startNode starts a Pollux for so many clients, with these lines of configuration besides.
func startNode(ctx context.Context, server *subject.Server, core, clients int, configuration string) (n *node, err error) {
	const spare = 50 // for publishers and leaves
	n = &node{Server: server, http: &http.Client{Timeout: 10 * time.Second}}
	for _, address := range []*string{&n.address, &n.admin} {
		if *address, err = subject.FreeAddress(ctx); err != nil {
			return nil, err
		}
	}
	text := fmt.Sprintf("listen: %s\nadmin_listen: %s\nmax_clients: %d\npublic: true\nlog_level: warn\npublish_token: %s\n%s",
		n.address, n.admin, clients+spare, token, configuration)
	if err := n.Configure(text); err != nil {
		return nil, err
	}
	ready := func() error { _, err := get(ctx, n.http, n.address, "/readyz"); return err }
	if err := n.Start(ctx, core, ready); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *node) close() error {
	n.http.CloseIdleConnections()
	_, err := n.Stop(stopWithin)
	return errors.Join(err, n.Close())
}

// origin is a node that is the log of others.
type origin struct{ *node }

func (o origin) configuration(string) string {
	return fmt.Sprintf("follow: [%q]\n", "http://"+o.address)
}

// sent returns what the origin has written, nearly all of which is for leaves: the answers to a
// publisher are the rest.
func (o origin) sent(context.Context) (Traffic, error) {
	w, err := o.Processes().Written()
	return Traffic{Messages: float64(w.Calls), Bytes: float64(w.Bytes)}, err
}

func (o origin) processes() proc.Group { return o.Processes() }

// get returns the body of an answer with status 200.
func get(ctx context.Context, client *http.Client, address, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("nodes: GET %s: %s: %.200s", path, resp.Status, body)
	}
	return body, err
}

// await tries something until it succeeds.
func await(ctx context.Context, try func() error) (err error) {
	for begin := time.Now(); ; {
		if err = try(); err == nil || ctx.Err() != nil || time.Since(begin) > patience {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

//go:build e2e && root

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

var rollingClients = flag.Int("rolling-clients", 200, "how many clients TestRollingRestart has")

// startNginx starts nginx in front of the nodes, as docs/cluster.md has it, and returns its address.
func (r *clusterRig) startNginx(t *testing.T) (address string) {
	t.Helper()
	address = listentest.FreeAddress(t)
	dir := t.TempDir()
	var servers strings.Builder
	for _, node := range r.nodes {
		// Without max_fails=0, nginx takes a node back by one request at a time, until one has
		// ended: a stream does not end.
		fmt.Fprintf(&servers, "server %s max_fails=0; ", node.listen)
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, `daemon off; pid %[1]s/pid; error_log stderr; worker_processes 1; worker_rlimit_nofile 20000;
events { worker_connections 10000; }
http {
  access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  upstream pollux { least_conn; %[2]s }
  server {
    listen %[3]s;
    location / {
      proxy_pass http://pollux; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_buffering off; proxy_read_timeout 1h; proxy_next_upstream error timeout http_503;
    }
  }
}`, dir, servers.String(), address), 0o600); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, address, dir, "nginx", "-c", conf)
	return address
}

// chromium is what two readers of a page in Chromium got: the native EventSource, and EventStream.
type chromium struct {
	mu      sync.Mutex
	readers map[string]*oracle
	opened  map[string]int // connections
	failed  []string       // readers that have given up
}

// startChromium has Chromium read a stream, see static/test/listen.js.
func startChromium(t *testing.T, url, path string) *chromium {
	t.Helper()
	c := &chromium{readers: map[string]*oracle{"EventSource": {}, "EventStream": {}}, opened: map[string]int{}}
	startBrowser(t, func(line []byte) error {
		var l struct {
			leafLine
			By string
		}
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		switch l.Event {
		case "open":
			c.opened[l.By]++
		case "failed":
			c.failed = append(c.failed, l.By)
		default:
			c.readers[l.By].note(l.By, l.leafLine)
		}
		return nil
	}, "listen.js", url+"/?stream=events", url+path) // a page that stays
	return c
}

// reconnects returns how often each of the readers was connected again, and which have given up.
func (c *chromium) reconnects() (again map[string]int, failed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	again = map[string]int{}
	for name := range c.readers {
		again[name] = c.opened[name] - 1
	}
	return again, slices.Clone(c.failed)
}

// Every node of a cluster is restarted behind nginx, one after the other. Each client, and each
// reader of a page in Chromium, has at most one reconnect for each node, and loses nothing.
func TestRollingRestart(t *testing.T) {
	r := newClusterRig(t, localNodes(t, 3), 2*time.Second)
	url := "http://" + r.startNginx(t)
	r.clients, _ = listening(t, *rollingClients, eventsPath, func() []string { return []string{url} })
	browser := startChromium(t, url, eventsPath)
	eventually(t, "the readers in Chromium are connected", func() bool {
		again, _ := browser.reconnects()
		return again["EventSource"] >= 0 && again["EventStream"] >= 0
	})
	for _, reader := range browser.readers {
		r.clients = append(r.clients, reader)
	}
	r.publish(t, 0)
	r.clients.await(t, r.published[0].id)
	before := make([]int, len(r.clients))
	for i, c := range r.clients {
		before[i] = c.ends()
	}
	for i := range r.nodes {
		others := []int{(i + 1) % 3, (i + 2) % 3}
		stopping := make(chan struct{})
		go func() {
			defer close(stopping)
			r.nodes[i].stop(t)
		}()
		for range 20 {
			r.publish(t, others...)
		}
		<-stopping
		r.start(t, i)
		r.awaitReady(t)
		r.publish(t, i)
	}
	r.same(t)
	most := 0
	for i, c := range r.clients {
		most = max(most, c.ends()-before[i])
	}
	again, failed := browser.reconnects()
	if most > len(r.nodes) || again["EventSource"] > len(r.nodes) || again["EventStream"] > len(r.nodes) || len(failed) > 0 {
		t.Errorf("a client had %d reconnects, and the readers in Chromium %v; %v gave up. Want %d at most", most, again, failed, len(r.nodes))
	}
	t.Logf("%d clients, %d documents, %d reconnects of one client at most, of the readers in Chromium %v", len(r.clients), len(r.published), most, again)
	if status, _ := request(t, http.MethodGet, url+"/readyz"); status != http.StatusOK {
		t.Errorf("readiness behind the proxy: %d", status)
	}
}

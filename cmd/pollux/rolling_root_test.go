//go:build e2e && root

package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var rollingClients = flag.Int("rolling-clients", 200, "how many clients TestRollingRestart has")

// rollingClient is a client behind the proxy.
type rollingClient struct {
	clusterLog
	connects atomic.Int64 // connections that have ended
}

func (c *rollingClient) follow(ctx context.Context, url string) {
	id := ""
	for ctx.Err() == nil {
		err := readLines(ctx, url+"/api/sse?stream=events&replay=all", id, func(got leafLine) bool {
			if got.ID != "" {
				id = got.ID
			}
			c.add(got)
			return true
		})
		if err != nil && ctx.Err() == nil {
			c.connects.Add(1)
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// Every node of a cluster is restarted behind nginx, one after the other. Each client has at
// most one reconnect for each node, and loses nothing.
func TestRollingRestart(t *testing.T) {
	r := newClusterRig(t, localNodes(t, 3))
	r.drain = 2 * time.Second
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
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
	ctx, stop := context.WithCancel(t.Context())
	clients := make([]*rollingClient, *rollingClients)
	var reading sync.WaitGroup
	for i := range clients {
		clients[i] = new(rollingClient)
		r.logs = append(r.logs, &clients[i].clusterLog)
		reading.Go(func() { clients[i].follow(ctx, "http://"+address) })
	}
	defer reading.Wait()
	defer stop()
	r.publish(t, 0)
	eventually(t, "all clients have the first document", func() bool {
		for _, c := range clients {
			if len(c.of("message")) == 0 {
				return false
			}
		}
		return true
	})
	before := make([]int64, len(clients))
	for i, c := range clients {
		before[i] = c.connects.Load()
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
	most := int64(0)
	for i, c := range clients {
		most = max(most, c.connects.Load()-before[i])
	}
	if most > int64(len(r.nodes)) {
		t.Errorf("a client had %d reconnects, want %d at most", most, len(r.nodes))
	}
	t.Logf("%d clients, %d documents, %d reconnects of one client at most", len(clients), len(r.published), most)
	if status, _ := request(t, http.MethodGet, "http://"+address+"/readyz"); status != http.StatusOK {
		t.Errorf("readiness behind the proxy: %d", status)
	}
}

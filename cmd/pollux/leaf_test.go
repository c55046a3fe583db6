package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// The size of TestLeaves. make cluster-test has a larger one.
var (
	leafMoves   = flag.Int("leaf-moves", 25, "how often each client of TestLeaves moves")
	leafClients = flag.Int("leaf-clients", 12, "how many clients TestLeaves has")
	leafOutage  = flag.Duration("leaf-outage", 0, "how long TestLeaves has no origin, beside the time that its checks take")
)

// leafLine is a line that a client gets.
type leafLine struct {
	Event string
	ID    string
	Data  json.RawMessage
}

// readLines hands the lines of a stream to handle until that returns false or the stream ends.
func readLines(ctx context.Context, url, id string, handle func(leafLine) bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/x-ndjson")
	if id != "" {
		req.Header.Set("Last-Event-ID", id)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var l leafLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return err
		}
		if !handle(l) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}

// moveAround is a client that goes to another node for each few documents.
func moveAround(t *testing.T, nodes []string, moves int) *oracle {
	o := new(oracle)
	id := ""
	for range moves {
		ctx, cancel := context.WithTimeout(t.Context(), longEnough)
		left := 1 + rand.IntN(8)
		url := nodes[rand.IntN(len(nodes))]
		err := readLines(ctx, url+"/api/sse?stream=events", id, func(l leafLine) bool {
			if l.ID != "" {
				id = l.ID
			}
			if o.note(url, l); l.Event == "message" {
				left--
			}
			return left > 0
		})
		if ctx.Err() != nil {
			t.Errorf("a client at %s gets nothing from %s", id, url)
		}
		cancel()
		if err != nil {
			time.Sleep(20 * time.Millisecond) // the node is being restarted
		}
	}
	return o
}

// leafRig is an origin and three leaves, of which the last one follows the first.
type leafRig struct {
	addresses []string
	urls      []string
	nodes     []*process
}

func newLeafRig(t *testing.T) *leafRig {
	t.Helper()
	r := &leafRig{nodes: make([]*process, 4)}
	for range r.nodes {
		address := listentest.FreeAddress(t)
		r.addresses, r.urls = append(r.addresses, address), append(r.urls, "http://"+address)
	}
	for i := range r.nodes {
		r.start(t, i)
	}
	return r
}

// start starts a node at its address.
func (r *leafRig) start(t *testing.T, i int) {
	t.Helper()
	config := "listen: " + r.addresses[i] + "\nadmin_listen: 127.0.0.1:0\ndrain: 50ms\nlog_format: json\nhistory: 100000\n"
	switch i {
	case 0:
		config += "publish_token: publisher\nstreams: [{name: events, push: true}, {name: default, mock: true, every: 200ms}]\n"
	case 3:
		config += "follow: [" + r.urls[1] + ", " + r.urls[0] + "]\n"
	default:
		config += "follow: [" + r.urls[0] + "]\n"
	}
	r.nodes[i] = startProcess(t, testBinary, config)
	eventually(t, "a node is ready", func() bool {
		status, _ := request(t, http.MethodGet, r.urls[i]+"/readyz")
		return status == http.StatusOK
	})
}

// kill ends a node at once.
func (r *leafRig) kill(t *testing.T, i int) {
	t.Helper()
	r.nodes[i].signal(t, os.Kill)
	<-r.nodes[i].ended
}

// TestLeaves has clients that move between an origin and three leaves at each reconnect, while
// documents are published at any of them and leaves are killed and started again. Each client
// gets every document once and in order. Then the origin is gone: clients keep what they have
// and are told that it is stale, until there is another origin, with a new epoch.
func TestLeaves(t *testing.T) {
	t.Parallel()
	r := newLeafRig(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var flow flow
	var publishing, moving sync.WaitGroup
	publishing.Go(func() { flow.run(ctx, t, r.urls, 2*time.Millisecond+time.Duration(*leafClients)*10*time.Microsecond) })
	var done atomic.Int64
	clients := make(oracles, *leafClients)
	for i := range clients {
		moving.Go(func() {
			clients[i] = moveAround(t, r.urls, *leafMoves)
			done.Add(1)
		})
	}
	kills := 0
	for i := 1; done.Load() < int64(len(clients)); i = i%3 + 1 {
		r.kill(t, i)
		r.start(t, i)
		kills++
	}
	moving.Wait()
	stop()
	publishing.Wait()
	if t.Failed() {
		return
	}
	a := flow.account(t, r.urls[0])
	clients.expect(t, a)
	t.Logf("%d clients got %d documents of %d, and moved %d times, while leaves were killed %d times", len(clients), clients.deliveries(), len(a.stored), *leafMoves, kills)
	if !t.Failed() {
		r.loseOrigin(t)
	}
}

// loseOrigin stops the origin, and starts another one at its address.
func (r *leafRig) loseOrigin(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longEnough+*leafOutage)
	defer cancel()
	last := getOK(t, r.urls[0]+"/api/latest?stream=events")
	for i := 1; i <= 3; i++ {
		eventually(t, "a leaf has everything", func() bool { // one that was without its origin a moment ago may be behind
			return getOK(t, r.urls[i]+"/api/latest?stream=events") == last
		})
	}
	said := make(chan string, 1000)
	var reading sync.WaitGroup
	reading.Go(func() {
		_ = readLines(ctx, r.urls[3]+"/api/sse?stream=events", "", func(l leafLine) bool {
			switch l.Event {
			case "status", "reset", "message":
				said <- l.Event + " " + string(l.Data)
			}
			return true
		})
		close(said)
	})
	defer reading.Wait()
	defer cancel()
	expect := func(parts ...string) {
		t.Helper()
		for text := range said {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) }) {
				return
			}
		}
		t.Fatalf("a client is never told %q", parts)
	}
	expect("message", last)
	r.nodes[0].stop(t)
	expect("status", `"stale"`, `"origin"`)
	for i := 1; i <= 3; i++ {
		eventually(t, "readiness says why", func() bool {
			status, body := request(t, http.MethodGet, r.urls[i]+"/readyz")
			return status == http.StatusServiceUnavailable && strings.Contains(body, "no_origin")
		})
		getOK(t, r.urls[i]+"/livez")
		if got := getOK(t, r.urls[i]+"/api/latest?stream=events"); got != last {
			t.Errorf("leaf %d has %s, want %s", i, got, last)
		}
	}
	if status, body := request(t, http.MethodPost, r.urls[2]+"/api/streams/events/events"); status != http.StatusServiceUnavailable {
		t.Errorf("publishing without an origin: %d %s", status, body)
	}
	var first []string
	if err := readLines(ctx, r.urls[2]+"/api/sse?stream=events", "", func(l leafLine) bool {
		first = append(first, l.Event+string(l.Data))
		return len(first) < 3
	}); err != nil {
		t.Error(err)
	}
	if all := strings.Join(first, " "); !strings.Contains(all, "message"+last) || !strings.Contains(all, `"stale"`) {
		t.Errorf("a new client without an origin gets %s", all)
	}
	time.Sleep(*leafOutage)
	r.start(t, 0)
	expect("reset", "epoch")
	expect("status", `"live"`)
	for i := 1; i <= 3; i++ {
		eventually(t, "a leaf is ready again", func() bool {
			status, _ := request(t, http.MethodGet, r.urls[i]+"/readyz")
			return status == http.StatusOK
		})
	}
}

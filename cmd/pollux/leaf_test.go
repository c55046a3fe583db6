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
)

// The size of TestLeaves. make cluster-test has a larger one.
var (
	leafMoves   = flag.Int("leaf-moves", 25, "how often each client of TestLeaves moves")
	leafClients = flag.Int("leaf-clients", 12, "how many clients TestLeaves has")
)

// flow is what was published, in order, and checks what clients got of it.
type flow struct {
	mu   sync.Mutex
	sent []int
}

func (f *flow) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, n)
}

// check returns what is wrong with what a client got, or nil. Its first document may be any.
func (f *flow) check(got []int) (wrong []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(got) == 0 {
		return []string{"nothing came"}
	}
	at := slices.Index(f.sent, got[0])
	seen := map[int]bool{}
	for i, n := range got {
		switch {
		case seen[n]:
			wrong = append(wrong, fmt.Sprintf("%d came twice", n))
		case at < len(f.sent) && f.sent[at] == n:
			at++
		case slices.Contains(f.sent[:min(at, len(f.sent))], n):
			wrong = append(wrong, fmt.Sprintf("%d came late", n))
		default:
			next := slices.Index(f.sent, n)
			for ; next >= 0 && at < next; at++ {
				if !slices.Contains(got[i:], f.sent[at]) {
					wrong = append(wrong, fmt.Sprintf("%d is lost", f.sent[at]))
				} else {
					wrong = append(wrong, fmt.Sprintf("%d came before %d", n, f.sent[at]))
				}
			}
			at = next + 1
		}
		seen[n] = true
	}
	return wrong
}

// TestFlow shows the checker a log with one lost, one doubled and one reordered document.
func TestFlow(t *testing.T) {
	f := &flow{sent: []int{1, 2, 3, 4, 5, 6}}
	for _, test := range []struct {
		got  []int
		want int
	}{
		{[]int{1, 2, 3, 4, 5, 6}, 0},
		{[]int{3, 4, 5}, 0},
		{[]int{1, 2, 4, 5}, 1},
		{[]int{1, 2, 2, 3}, 1},
		{[]int{1, 3, 2, 4}, 2},
		{nil, 1},
		{[]int{1, 2, 7}, 0},
	} {
		wrong := f.check(test.got)
		if len(wrong) != test.want && !slices.Contains(test.got, 7) {
			t.Errorf("%v: %v, want %d mistakes", test.got, wrong, test.want)
		}
	}
}

// publishFlow publishes numbers at any of the nodes until ctx ends, each once.
func publishFlow(ctx context.Context, t *testing.T, f *flow, nodes []string) {
	client := &http.Client{Timeout: longEnough}
	defer client.CloseIdleConnections()
	for n := 1; ctx.Err() == nil; n++ {
		for tries := 0; ; tries++ {
			node := nodes[rand.IntN(len(nodes))]
			if tries > 2 {
				node = nodes[0]
			}
			req, err := http.NewRequest(http.MethodPost, node+"/api/streams/events/events", strings.NewReader(fmt.Sprint(n)))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer publisher")
			req.Header.Set("Idempotency-Key", fmt.Sprint("n", n))
			resp, err := client.Do(req)
			if err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					break
				}
			}
			if tries > 1000 {
				t.Errorf("document %d: %v", n, err)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		f.add(n)
		time.Sleep(2 * time.Millisecond)
	}
}

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
func moveAround(t *testing.T, nodes []string, moves int) (got []int) {
	id := ""
	for range moves {
		ctx, cancel := context.WithTimeout(t.Context(), longEnough)
		left := 1 + rand.IntN(8)
		url := nodes[rand.IntN(len(nodes))] + "/api/sse?stream=events"
		err := readLines(ctx, url, id, func(l leafLine) bool {
			if l.ID != "" {
				id = l.ID
			}
			switch l.Event {
			case "reset":
				t.Errorf("a client at %s gets %s from %s", id, l.Data, url)
				return false
			case "message":
				var n int
				if err := json.Unmarshal(l.Data, &n); err != nil {
					t.Error(err)
				}
				got = append(got, n)
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
	return got
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
		address, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
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
	r := newLeafRig(t)
	f := &flow{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var publishing, moving sync.WaitGroup
	publishing.Go(func() { publishFlow(ctx, t, f, r.urls) })
	var done atomic.Int64
	got := make([][]int, *leafClients)
	for i := range got {
		moving.Go(func() {
			got[i] = moveAround(t, r.urls, *leafMoves)
			done.Add(1)
		})
	}
	for i := 1; done.Load() < int64(len(got)); i = i%3 + 1 {
		r.kill(t, i)
		r.start(t, i)
	}
	moving.Wait()
	stop()
	publishing.Wait()
	documents := 0
	for i, list := range got {
		documents += len(list)
		if wrong := f.check(list); len(wrong) > 0 {
			t.Errorf("client %d, with %d documents: %s", i, len(list), strings.Join(wrong[:min(5, len(wrong))], ", "))
		}
	}
	t.Logf("%d clients got %d documents of %d, and moved %d times", len(got), documents, len(f.sent), *leafMoves)
	if !t.Failed() {
		r.loseOrigin(t)
	}
}

// loseOrigin stops the origin, and starts another one at its address.
func (r *leafRig) loseOrigin(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longEnough)
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

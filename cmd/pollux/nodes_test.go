package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/natslog/lease"
	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// nodeFaults is how often each fault happens to the node that polls.
var nodeFaults = flag.Int("node-faults", 1, "rounds of TestOneOfTheNodesPolls")

// countingUpstream answers each request with its number, and knows when each one came.
type countingUpstream struct {
	*httptest.Server

	mu    sync.Mutex
	at    []time.Time
	here  int // requests that are here
	twice bool
	keys  map[string]int

	hold chan chan struct{} // holds the next request until what it sends is closed
}

func startCountingUpstream(t *testing.T) *countingUpstream {
	u := &countingUpstream{keys: map[string]int{}, hold: make(chan chan struct{})}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key := r.URL.Query().Get("key"); key != "" {
			u.mu.Lock()
			u.keys[key]++
			n := u.keys[key]
			u.mu.Unlock()
			fmt.Fprintf(w, `{"key":%q,"n":%d}`, key, n)
			return
		}
		u.mu.Lock()
		u.at = append(u.at, time.Now())
		n := len(u.at)
		u.here++
		u.twice = u.twice || u.here > 1
		u.mu.Unlock()
		select {
		case until := <-u.hold:
			u.leave() // its node is about to be stopped
			<-until
		default:
			u.leave()
		}
		fmt.Fprintf(w, `{"n":%d}`, n)
	}))
	t.Cleanup(u.Server.Close)
	return u
}

func (u *countingUpstream) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.here--
}

// times returns when the requests came, and whether there were ever two at once.
func (u *countingUpstream) times() ([]time.Time, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.at), u.twice
}

// asked returns how often a key was asked for.
func (u *countingUpstream) asked(key string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.keys[key]
}

// longestGap returns the longest time between two requests since the first of them.
func (u *countingUpstream) longestGap(since int) (longest time.Duration) {
	at, _ := u.times()
	for i := max(since, 1); i < len(at); i++ {
		longest = max(longest, at[i].Sub(at[i-1]))
	}
	return longest
}

// nodesConfiguration is that of a node that polls an upstream each second, or observes.
func nodesConfiguration(name string, upstream string, servers ...*natstest.Server) string {
	urls := make([]string, len(servers))
	for i, s := range servers {
		urls[i] = fmt.Sprintf("%q", s.URL)
	}
	return fmt.Sprintf("nats: [%s]\nnats_replicas: %d\nnode: %s\n", strings.Join(urls, ", "), len(servers), name) +
		"listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\ndrain: 50ms\nlog_format: json\nstreams:\n" +
		fmt.Sprintf("- {name: polled, url: %q, every: 1s, poll_token: poller}\n", upstream) +
		fmt.Sprintf("- {name: prices, url: '%s/?key={key}', every: 1s, linger: 2s, keys: {match: '[A-Z]+'}}\n", upstream)
}

// polledBy returns the node that polls a stream, as a node sees it.
func polledBy(t *testing.T, url, stream string) string {
	t.Helper()
	var list struct {
		Streams []struct {
			Name     string `json:"name"`
			PolledBy string `json:"polledBy"`
			State    string `json:"state"`
		} `json:"streams"`
	}
	if err := json.Unmarshal([]byte(getOK(t, url+"/api/streams")), &list); err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Streams {
		if one.Name == stream {
			return one.PolledBy
		}
	}
	return ""
}

// witness is a client of one node, which checks that no document is older than the one before.
type witness struct {
	mu    sync.Mutex
	last  int
	fault string
}

// watch reads a stream until the test ends. When a node ends, it goes to another one.
func (w *witness) watch(ctx context.Context, nodes func() []string) {
	id := ""
	for i := 0; ctx.Err() == nil; i++ {
		urls := nodes()
		_ = readLines(ctx, urls[i%len(urls)]+"/api/sse?stream=polled", id, func(l leafLine) bool {
			if l.Event != "message" {
				return true
			}
			id = l.ID
			var document struct{ N int }
			if err := json.Unmarshal(l.Data, &document); err != nil {
				return true
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if document.N <= w.last && w.fault == "" {
				w.fault = fmt.Sprintf("document %d after %d", document.N, w.last)
			}
			w.last = document.N
			return true
		})
		time.Sleep(50 * time.Millisecond)
	}
}

func (w *witness) seen() (last int, fault string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last, w.fault
}

// Two nodes beside one NATS server ask their upstream as one, whatever happens to the one that
// does, and no client ever sees an older document.
func TestOneOfTheNodesPolls(t *testing.T) {
	server := natstest.Start(t, "")
	upstream := startCountingUpstream(t)
	binary := builtBinary(t)
	nodes := map[string]*process{}
	var mu sync.Mutex
	begin := func(name string) {
		p := startProcess(t, binary, nodesConfiguration(name, upstream.URL, server))
		mu.Lock()
		defer mu.Unlock()
		nodes[name] = p
	}
	urls := func() (list []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, p := range nodes {
			list = append(list, p.url)
		}
		return list
	}
	// other returns the name of the node that polls, and the one that does not.
	other := func() (holder, observer string) {
		eventually(t, "both nodes know who polls", func() bool {
			a, b := polledBy(t, nodes["a"].url, "polled"), polledBy(t, nodes["b"].url, "polled")
			holder = a
			return a != "" && a == b
		})
		if observer = "a"; holder == "a" {
			observer = "b"
		}
		return holder, observer
	}
	requests := func() int { at, _ := upstream.times(); return len(at) }
	polls := func(more int) {
		want := requests() + more
		eventually(t, "the upstream is asked", func() bool { return requests() >= want })
	}
	begin("a")
	begin("b")
	clients := make([]*witness, 4)
	watching, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range clients {
		clients[i] = new(witness)
		all.Go(func() { clients[i].watch(watching, urls) })
	}
	defer all.Wait()
	defer stop()

	began, before := time.Now(), requests()
	polls(5)
	if n, most := requests()-before, int(time.Since(began)/time.Second)+2; n > most {
		t.Errorf("asked %d times in %v", n, time.Since(began))
	}
	_, observer := other()
	demand(t, nodes[observer], upstream)
	checkNodes(t, nodes[observer])

	for round := range *nodeFaults {
		holder, _ := other()
		since := requests()
		nodes[holder].stop(t)
		polls(2)
		gap := upstream.longestGap(since)
		t.Logf("round %d: SIGTERM: asked again %v after the last time", round, gap)
		if gap >= lease.DefaultTTL/2 {
			t.Error("the lease was not handed over")
		}
		begin(holder)

		holder, _ = other()
		since = requests()
		nodes[holder].signal(t, syscall.SIGKILL)
		polls(2)
		gap = upstream.longestGap(since)
		t.Logf("round %d: SIGKILL: asked again %v after the last time", round, gap)
		if gap > 2*lease.DefaultTTL {
			t.Error("the lease did not run out")
		}
		<-nodes[holder].ended
		begin(holder)

		holder, observer = other()
		until := make(chan struct{})
		upstream.hold <- until // its request has come, and its answer is to be late
		nodes[holder].signal(t, syscall.SIGSTOP)
		close(until)
		stopped := time.Now()
		polls(3)
		if *nodeFaults > 1 {
			time.Sleep(time.Until(stopped.Add(3 * lease.DefaultTTL)))
		}
		nodes[holder].signal(t, syscall.SIGCONT)
		polls(2)
		if now, _ := other(); now != observer {
			t.Logf("round %d: the lease has moved back to %s", round, now)
		}
		t.Logf("round %d: SIGSTOP for %v", round, time.Since(stopped))
	}
	newest := requests()
	for i, c := range clients {
		eventually(t, "clients are up to date", func() bool { last, _ := c.seen(); return last >= newest })
		if _, fault := c.seen(); fault != "" {
			t.Errorf("client %d: %s", i, fault)
		}
	}
	if at, twice := upstream.times(); twice {
		t.Errorf("of %d requests two came at once", len(at))
	}
}

// checkNodes checks what a node prints of both of them.
func checkNodes(t *testing.T, p *process) {
	t.Helper()
	var list struct {
		Node    string
		Lag     *int
		Streams []struct{ Name, PolledBy string }
	}
	if err := json.Unmarshal([]byte(getOK(t, p.url+"/api/streams")), &list); err != nil || list.Lag == nil {
		t.Errorf("/api/streams: %v, %+v", err, list)
	}
	var out bytes.Buffer
	eventually(t, "pollux cluster prints nodes, leases and lag", func() bool {
		out.Reset()
		if err := execute(t.Context(), nil, []string{"cluster", "--admin-listen", strings.TrimPrefix(p.admin, "http://")}, &out, &out); err != nil {
			t.Fatal(err)
		}
		rows := regexp.MustCompile(`(?m)^(a|b) +(-|[0-9.]+m?s ago) +0 +[0-9]+$`).FindAllString(out.String(), -1)
		for _, one := range list.Streams {
			if !regexp.MustCompile("(?m)^" + one.Name + " +(a|b)( [0-9]+/16(, b [0-9]+/16)?)?$").MatchString(out.String()) {
				return false
			}
		}
		return strings.HasPrefix(out.String(), "node "+list.Node+", 2 nodes beside NATS\n") && len(rows) == 2 && len(list.Streams) == 2
	})
	t.Log(out.String())
}

// demand has clients of the node that does not poll listen to a key, and asks it for a poll.
func demand(t *testing.T, observer *process, upstream *countingUpstream) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	got := make(chan string, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = readLines(ctx, observer.url+"/api/sse?stream=prices/BTC", "", func(l leafLine) bool {
			got <- string(l.Data)
			return true
		})
	}()
	eventually(t, "the key is asked for", func() bool { return upstream.asked("BTC") >= 3 })
	eventually(t, "its documents come", func() bool { return len(got) >= 2 })
	leave()
	<-ended
	last := -1
	eventually(t, "the key is not asked for any more", func() bool {
		before := last
		last = upstream.asked("BTC")
		time.Sleep(3 * time.Second)
		return last == before
	})

	before, _ := upstream.times()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, observer.url+"/api/streams/polled/poll", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer poller")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Errorf("a node that does not poll answers %d", resp.StatusCode)
	}
	eventually(t, "the upstream is asked", func() bool { at, _ := upstream.times(); return len(at) > len(before) })
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
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

// The size of TestOneOfTheNodesPolls. make cluster-test has a larger one.
var (
	nodeKills = flag.Int("node-kills", 1, "how often TestOneOfTheNodesPolls ends and kills the node that polls")
	nodeStops = flag.Int("node-stops", 1, "how often TestOneOfTheNodesPolls stops it and lets it go on")
)

// countingUpstream answers each request with its number, and knows when each one came.
type countingUpstream struct {
	*httptest.Server

	mu    sync.Mutex
	at    []time.Time
	here  int // requests that are here
	twice bool
	keys  map[string]int

	hold  chan chan struct{} // holds the next request until what it sends is closed
	takes time.Duration      // of each other one
}

func startCountingUpstream(t *testing.T) *countingUpstream {
	return startCountingUpstreamAt(t, "127.0.0.1")
}

// startCountingUpstreamAt starts it at another address of this machine.
func startCountingUpstreamAt(t *testing.T, host string) *countingUpstream {
	t.Helper()
	u := &countingUpstream{keys: map[string]int{}, hold: make(chan chan struct{})}
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	u.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
			select {
			case <-time.After(u.takes):
			case <-r.Context().Done(): // its node has given it up, and may ask again
			}
			u.leave()
		}
		fmt.Fprintf(w, `{"n":%d}`, n)
	}))
	_ = u.Server.Listener.Close() // of an address that nobody asked for
	u.Server.Listener = listener
	u.Server.Start()
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
func (u *countingUpstream) longestGap(since int) time.Duration {
	at, _ := u.times()
	return longestOf(at[max(since, 1)-1:])
}

// nodesConfiguration is that of a node that polls an upstream each second, or observes.
func nodesConfiguration(name string, upstream string, servers ...*natstest.Server) string {
	urls := make([]string, len(servers))
	for i, s := range servers {
		urls[i] = fmt.Sprintf("%q", s.URL)
	}
	return fmt.Sprintf("nats: [%s]\nnats_replicas: %d\nnode: %s\n", strings.Join(urls, ", "), len(servers), name) +
		"listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\ndrain: 50ms\nlog_format: json\nhistory: 100000\nstreams:\n" +
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

// polledPath is what clients of the nodes read.
const polledPath = "/api/sse?stream=polled&replay=all"

// Two nodes beside one NATS server ask their upstream as one, whatever happens to the one that
// does. Clients get each document that was stored once and in order, and never an older one.
func TestOneOfTheNodesPolls(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, "")
	upstream := startCountingUpstream(t)
	nodes := newPollers(t, func(name string) string { return nodesConfiguration(name, upstream.URL, server) })
	// other returns the name of the node that polls, and the one that does not.
	other := func() (holder, observer string) {
		if holder, observer = nodes.holder(t, "polled"), "a"; holder == "a" {
			observer = "b"
		}
		return holder, observer
	}
	requests := func() int { at, _ := upstream.times(); return len(at) }
	polls := func(more int) {
		want := requests() + more
		eventually(t, "the upstream is asked", func() bool { return requests() >= want })
	}
	nodes.begin(t, "a")
	nodes.begin(t, "b")
	clients, stop := listening(t, 4, polledPath, nodes.urls)

	began, before := time.Now(), requests()
	polls(5)
	if n, most := requests()-before, int(time.Since(began)/time.Second)+2; n > most {
		t.Errorf("asked %d times in %v", n, time.Since(began))
	}
	_, observer := other()
	demand(t, nodes.node(observer), upstream)
	checkNodes(t, nodes.node(observer))

	pauses := map[string][]time.Duration{}
	// fault has something happen to the node that polls, and notes how long the upstream is not asked.
	fault := func(name string, most time.Duration, happen func(holder string)) {
		t.Helper()
		holder, _ := other()
		since := requests()
		happen(holder)
		polls(2)
		gap := upstream.longestGap(since)
		if pauses[name] = append(pauses[name], gap); gap > most {
			t.Errorf("%s, time %d: the upstream was not asked for %v", name, len(pauses[name]), gap)
		}
		nodes.begin(t, holder)
	}
	for range *nodeKills {
		fault("SIGTERM", lease.DefaultTTL/2, func(holder string) { nodes.end(t, holder) })
		fault("SIGKILL", 2*lease.DefaultTTL, func(holder string) { nodes.kill(t, holder) })
	}
	late := map[int]bool{} // what nodes were answered that had been stopped meanwhile
	for range *nodeStops {
		holder, _ := other()
		until := make(chan struct{})
		upstream.hold <- until // its request has come, and its answer is to be late
		late[requests()] = true
		nodes.node(holder).pause(t)
		close(until)
		stopped := time.Now()
		polls(3)
		if *nodeStops > 1 {
			time.Sleep(time.Until(stopped.Add(3 * lease.DefaultTTL)))
		}
		nodes.node(holder).signal(t, syscall.SIGCONT)
		polls(2)
		other()
	}
	a := clients.settle(t, nodes.node("a").url, "polled", stop)
	clients.expect(t, a)
	for i, one := range a.stored {
		n := numberOf(t, one.document)
		if i > 0 && n <= numberOf(t, a.stored[i-1].document) {
			t.Errorf("%v is stored after %v", one, a.stored[i-1])
		}
		if late[n] {
			t.Errorf("%v is stored, and was answered to a node that was stopped", one)
		}
	}
	at, twice := upstream.times()
	if twice {
		t.Errorf("of %d requests two came at once", len(at))
	}
	for fault, list := range pauses {
		slices.Sort(list)
		t.Logf("%s of the node that polls, %d times: asked again after %v in the middle, and %v at most; the interval is 1s", fault, len(list),
			list[len(list)/2].Round(time.Millisecond), list[len(list)-1].Round(time.Millisecond))
	}
	t.Logf("SIGSTOP, %d times: no late document was stored; of %d answers %d were stored, and 4 clients got %d documents", len(late), len(at), len(a.stored), clients.deliveries())
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

//go:build e2e

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/polluxhub/pollux/hub/sse"
	"github.com/polluxhub/pollux/internal/capture"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// TestRealInput streams an API that nobody here wrote, the monitoring page of a
// NATS server, to 200 clients, curl and a browser; takes the upstream away and
// gives it back; kills Pollux and starts it again.
func TestRealInput(t *testing.T) {
	const (
		clients = 200
		every   = 500 * time.Millisecond
	)
	upstream := startNATS(t, 0)
	address := listentest.FreeAddress(t)
	binary := builtBinary(t)
	url := "http://" + address
	startPollux := func() *exec.Cmd {
		return startCommand(t, nil, binary, "--listen", address, "--url", upstream.url, "--every", every.String(), "--drain", "1s")
	}
	pollux := startPollux()
	awaitOK(t, url+"/readyz")

	page := watch(t, url)
	page.await("live with a value", func(v view) bool { return v.State == "live" && v.LastEventID != "" })
	curl := startCurl(t, url+"/api/sse")

	// One request an interval serves them all.
	begin := time.Now()
	requests := upstream.requests(t)
	var received [clients]atomic.Int64
	following, leave := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for i := range clients {
		readers.Go(func() { follow(following, t, url+"/api/sse", &received[i]) })
	}
	for i := range received {
		eventually(t, fmt.Sprintf("client %d has 6 documents", i), func() bool { return received[i].Load() >= 6 })
	}
	// requests asks the same page, so its own question counts.
	asked, intervals := upstream.requests(t)-requests-1, int(time.Since(begin)/every)
	if asked < 5 || asked > intervals+1 {
		t.Errorf("the upstream saw %d requests in %d intervals, with %d clients", asked, intervals, clients)
	}
	t.Logf("%d clients, %d intervals, %d requests upstream", clients, intervals, asked)
	leave()
	readers.Wait()

	// The upstream goes, and comes back.
	before := page.now()
	upstream.stop()
	page.await("stale", func(v view) bool { return v.State == "stale" })
	page.await("down, with the last good value", func(v view) bool { return v.State == "down" && v.LastEventID != "" && v.Value != "" })
	upstream = startNATS(t, upstream.port)
	page.await("live again", func(v view) bool { return v.State == "live" && v.LastEventID != before.LastEventID })
	eventually(t, "curl was told", func() bool {
		text := curl.String()
		down, live := strings.Index(text, `"state":"down"`), strings.LastIndex(text, `"state":"live"`)
		return down >= 0 && live > down
	})

	// Pollux dies without a word, and comes back with another epoch.
	before = page.now()
	if err := pollux.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = pollux.Wait() // it was killed
	page.await("reconnecting", func(v view) bool { return v.State == "reconnecting" })
	pollux = startPollux()
	page.await("reset and fresh data", func(v view) bool {
		return v.State == "live" && v.Resets > before.Resets && epoch(v.LastEventID) != epoch(before.LastEventID)
	})

	if err := pollux.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := pollux.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// A second signal ends Pollux at once, with the status that says which it was.
func TestSecondSignal(t *testing.T) {
	address := listentest.FreeAddress(t)
	pollux := startCommand(t, nil, builtBinary(t), "--listen", address, "--drain", "1h")
	awaitOK(t, "http://"+address+"/readyz")
	startCurl(t, "http://"+address+"/api/sse")
	eventually(t, "curl is there", func() bool {
		return strings.Contains(fetch("http://"+address+"/api/streams"), `"clients":1`)
	})
	for range 2 {
		if err := pollux.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the signal was seen", func() bool { return !strings.HasPrefix(fetch("http://"+address+"/readyz"), "200 ") })
	}
	_ = pollux.Wait() // the status is what counts
	if status := pollux.ProcessState.ExitCode(); status != 128+int(syscall.SIGTERM) {
		t.Errorf("status %d", status)
	}
}

func epoch(id string) string {
	epoch, _, _ := strings.Cut(id, "-")
	return epoch
}

// natsUpstream is a NATS server that runs in this process, for the sake of its
// monitoring page.
type natsUpstream struct {
	port int
	url  string
	stop func()
}

func startNATS(t *testing.T, port int) *natsUpstream {
	t.Helper()
	if port == 0 {
		port = server.RANDOM_PORT
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT,
		HTTPHost: "127.0.0.1", HTTPPort: port, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(longEnough) {
		t.Fatal("the NATS server does not start")
	}
	stop := sync.OnceFunc(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	t.Cleanup(stop)
	port = s.MonitorAddr().Port
	return &natsUpstream{port, fmt.Sprintf("http://127.0.0.1:%d/varz", port), stop}
}

// requests asks the server how often its page was asked for.
func (n *natsUpstream) requests(t *testing.T) int {
	t.Helper()
	var page struct {
		Stats map[string]int `json:"http_req_stats"`
	}
	resp, err := http.Get(n.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		t.Fatal(err)
	}
	return page.Stats["/varz"]
}

// follow counts the documents of a stream until ctx ends.
func follow(ctx context.Context, t *testing.T, url string, count *atomic.Int64) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	for decoder := sse.NewDecoder(resp.Body); ; {
		e, err := decoder.Next()
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("stream ended: %v", err)
			}
			return
		}
		if e.Name == "" && strings.Contains(string(e.Data), `"server_id":`) {
			count.Add(1)
		}
	}
}

// startCommand starts a command that ends with the test at the latest.
func startCommand(t *testing.T, stdout io.Writer, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
		}
	})
	return cmd
}

func startCurl(t *testing.T, url string) *capture.Output {
	t.Helper()
	out := new(capture.Output)
	startCommand(t, out, "curl", "-sN", url)
	return out
}

// view is what somebody who looks at the dashboard sees.
type view struct {
	State       string `json:"state"`
	Value       string `json:"value"`
	LastEventID string `json:"lastEventId"`
	Resets      int    `json:"resets"`
}

// page is a dashboard in a real browser.
type page struct {
	t    *testing.T
	mu   sync.Mutex
	seen []view
	next int // what await has looked at
}

// watch opens the dashboard in Chromium, see static/test/watch.js.
func watch(t *testing.T, url string) *page {
	t.Helper()
	p := &page{t: t}
	startBrowser(t, func(line []byte) error {
		var v view
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.seen = append(p.seen, v)
		return nil
	}, "watch.js", url)
	return p
}

// startBrowser runs a program of static/test with Chromium until the test ends, and handles each
// line that it prints.
func startBrowser(t *testing.T, handle func(line []byte) error, script string, args ...string) {
	t.Helper()
	reader, writer := io.Pipe()
	cmd := exec.Command("node", append([]string{"../../static/test/" + script}, args...)...)
	cmd.Stdout, cmd.Stderr = writer, os.Stderr
	stdin, err := cmd.StdinPipe() // its end is what ends the browser
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			if err := handle(lines.Bytes()); err != nil {
				t.Errorf("%s printed %s: %v", script, lines.Bytes(), err)
			}
		}
	})
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", script, err)
		}
		_ = writer.Close()
		reading.Wait()
	})
}

// await waits for a view behind those that were awaited before.
func (p *page) await(what string, condition func(view) bool) {
	p.t.Helper()
	eventually(p.t, "the browser shows: "+what, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for ; p.next < len(p.seen); p.next++ {
			if condition(p.seen[p.next]) {
				return true
			}
		}
		return false
	})
}

// now returns the newest view.
func (p *page) now() view {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[len(p.seen)-1]
}

func awaitOK(t *testing.T, url string) {
	t.Helper()
	eventually(t, url, func() bool { return strings.HasPrefix(fetch(url), "200 ") })
}

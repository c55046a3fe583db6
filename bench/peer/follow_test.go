package peer_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
)

// patience bounds what takes no time.
const patience = time.Minute

// TestPolluxFollows has Pollux follow the event streams of servers that were not written
// for it: it hands on each document, over one connection for all of its clients.
func TestPolluxFollows(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "pollux")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/pollux") //nolint:gosec // a file of this test
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for name, query := range map[string]string{"go-sse": "", "r3labs": "?stream=messages", "textbook": ""} {
		t.Run(name, func(t *testing.T) {
			handler, err := peer.Handler(name)
			if err != nil {
				t.Fatal(err)
			}
			readers := newCounter()
			upstream := httptest.NewServer(readers.count(handler))
			t.Cleanup(upstream.Close)
			t.Cleanup(upstream.CloseClientConnections)
			url := startPollux(t, binary, fmt.Sprintf("streams: [{name: a, url: '%s/events%s', source: sse, replay: all}]\nlisten: 127.0.0.1:0\n", upstream.URL, query))
			readers.wait(t, 1)
			heard := read(t, url+"/api/sse?stream=a")
			read(t, url+"/api/sse?stream=a")
			const many = 100
			for i := range many {
				answer, err := http.Post(upstream.URL+"/publish", "application/json", strings.NewReader(fmt.Sprintf(`{"n":%d}`, i)))
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Body.Close()
				// One after the other: a textbook hub drops what a client cannot take at once.
				select {
				case got := <-heard:
					if want := fmt.Sprintf(`{"n":%d}`, i); got != want {
						t.Fatalf("heard %s, want %s", got, want)
					}
				case <-time.After(patience):
					t.Fatalf("document %d does not come", i)
				}
			}
			readers.wait(t, 1)

			upstream.CloseClientConnections() // Pollux comes back
			readers.wait(t, 2)
		})
	}
}

// counter counts the event streams that were asked for.
type counter struct {
	mu    sync.Mutex
	asked int
}

func newCounter() *counter { return new(counter) }

func (c *counter) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			c.mu.Lock()
			c.asked++
			c.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

// wait waits until so many were asked for, and fails if there are more.
func (c *counter) wait(t *testing.T, want int) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		asked := c.asked
		c.mu.Unlock()
		switch {
		case asked == want:
			return
		case asked > want || time.Since(begin) > patience:
			t.Fatalf("%d event streams were asked for, want %d", asked, want)
		}
	}
}

// startPollux starts Pollux until the test ends, and returns its URL.
func startPollux(t *testing.T, binary, configuration string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "--config", file) //nolint:gosec // a file of this test
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		_ = log.Close()
	})
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		if _, rest, found := strings.Cut(string(text), "url=http://"); found && strings.ContainsAny(rest, " \n") {
			return "http://" + rest[:strings.IndexAny(rest, " \n")]
		}
		if time.Since(begin) > patience {
			t.Fatalf("pollux does not listen:\n%s", text)
		}
	}
}

// read reads the documents of an event stream until the test ends.
func read(t *testing.T, url string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	documents := make(chan string, 1000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		text := ""
		piece := make([]byte, 4096)
		for {
			n, err := answer.Body.Read(piece)
			text += string(piece[:n])
			for {
				line, rest, found := strings.Cut(text, "\n")
				if !found {
					break
				}
				if data, is := strings.CutPrefix(line, "data: "); is && strings.HasPrefix(data, `{"n"`) {
					documents <- data
				}
				text = rest
			}
			if err != nil {
				_, _ = io.Copy(io.Discard, answer.Body) // its end is that of ctx
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = answer.Body.Close()
	})
	return documents
}

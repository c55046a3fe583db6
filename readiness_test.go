package pollux

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

func expectReadiness(t *testing.T, p *Pollux, when string, want handlers.Readiness) {
	t.Helper()
	if got := p.isReady(); got != want {
		t.Errorf("%s: got %s, want %s", when, got, want)
	}
}

// Readiness can wait for the first document of each stream that is polled in any case.
// Later nothing but the end of the process takes it back.
func TestReadyWithDocuments(t *testing.T) {
	for wait, before := range map[bool]handlers.Readiness{false: handlers.Ready, true: handlers.Waiting} {
		synctest.Test(t, func(t *testing.T) {
			slow := func(after time.Duration) poller.Source {
				begin := time.Now()
				return poller.Func(func(context.Context) (any, error) {
					if time.Since(begin) < after {
						return nil, context.DeadlineExceeded
					}
					return after, nil
				})
			}
			never := slow(time.Hour)
			streams := []Stream{
				{Name: "early", Poll: poller.Stream{Source: slow(0), Every: time.Second}},
				{Name: "late", Poll: poller.Stream{Source: slow(30 * time.Second), Every: time.Second}},
				{Name: "asleep", Poll: poller.Stream{Source: never, OnDemand: true}},
				{Name: "pushed"},
				{Name: "keyed", Keys: letters(t), Poll: poller.Stream{Keys: &poller.Keys{Source: nothing{}}}},
			}
			p := newPollux(t, Options{ReadyWithDocuments: wait, Streams: streams})
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = p.hub.Run(ctx) }) // ends with the test
			running.Go(func() { _ = p.poller.Run(ctx) })
			synctest.Wait()
			expectReadiness(t, p, "at first", before)
			time.Sleep(20 * time.Second)
			synctest.Wait()
			expectReadiness(t, p, "with one document", before)
			time.Sleep(5 * time.Minute) // after its failures, the poller waits longer
			synctest.Wait()
			expectReadiness(t, p, "with both documents", handlers.Ready)
			streams = append(streams, Stream{Name: "new", Poll: poller.Stream{Source: never}})
			if _, err := p.SetStreams(streams); err != nil {
				t.Error(err)
			}
			expectReadiness(t, p, "with a new stream", handlers.Ready)
			cancel()
			running.Wait()
		})
	}
}

// The lame duck serves as before, and says that it is not ready. If a part fails
// meanwhile, it ends at once.
func TestLameDuck(t *testing.T) {
	p := newPollux(t, Options{Listen: []string{"127.0.0.1:0"}, LameDuck: time.Hour})
	stop := run(t, p)
	expectReadiness(t, p, "at first", handlers.Ready)
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for p.isReady() != handlers.LameDuck {
		time.Sleep(time.Millisecond)
	}
	resp := get(t, "http://"+p.Addr().String()+"/readyz")
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusServiceUnavailable || string(body) != `{"status":"lame_duck"}` {
		t.Errorf("/readyz answers %d %s, %v", resp.StatusCode, body, err)
	}
	if _, err := p.Publish(t.Context(), hub.DefaultStream, []byte("1")); err != nil {
		t.Error(err)
	}
	resp = get(t, "http://"+p.Addr().String()+"/api/sse?limit=1")
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.HasSuffix(string(body), "\ndata: 1\n\n") {
		t.Errorf("a new client gets %q, %v", body, err)
	}
	if err := p.listeners[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "server: ") {
		t.Errorf("Run returned %v", err)
	}
}

func TestLameDuckEnds(t *testing.T) {
	const duck = 50 * time.Millisecond
	p := newPollux(t, Options{LameDuck: duck})
	stop := run(t, p)
	begin := time.Now()
	if err := stop(); err != nil || time.Since(begin) < duck {
		t.Errorf("ended after %v with %v", time.Since(begin), err)
	}
}

package followlog_test

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/followlog"
	"github.com/polluxhub/pollux/hub/followlog/line"
	"github.com/polluxhub/pollux/hub/hubtest"
)

const token = "secret"

// origin is a server to follow, with the streams default and b.
type origin struct {
	hub  *hub.Hub
	url  string
	stop func()
}

func newOrigin(t *testing.T, change func(*handlers.Options)) *origin {
	t.Helper()
	return newOriginThatKeeps(t, 10_000, change)
}

// newOriginThatKeeps returns an origin that keeps so many events of each stream.
func newOriginThatKeeps(t *testing.T, history int, change func(*handlers.Options)) *origin {
	t.Helper()
	h, err := hub.New(hub.Options{Streams: hub.Named(hub.DefaultStream, "b"), History: history})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := fanout.New(fanout.Options{Hub: h})
	if err != nil {
		t.Fatal(err)
	}
	options := handlers.Options{Hub: h, Engine: engine, Assets: fstest.MapFS{"index.html": {}}, Publish: auth.NewBearer(token)}
	if change != nil {
		change(&options)
	}
	handler, err := handlers.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Run(ctx) })
	running.Go(func() { _ = engine.Run(ctx) })
	o := &origin{hub: h, url: server.URL}
	o.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		server.CloseClientConnections()
		server.Close()
	})
	t.Cleanup(o.stop)
	return o
}

func newLog(t *testing.T, opts followlog.Options) *followlog.Log {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 20}
	t.Cleanup(transport.CloseIdleConnections)
	opts.Client = &http.Client{Transport: transport}
	opts.Token = func() (string, error) { return token, nil }
	log, err := followlog.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// plain is a Log whose beginnings are events before the others, as other logs have it. What the
// origin says of freshness is said there.
type plain struct {
	*followlog.Log
	origin *origin
}

func (p plain) Append(ctx context.Context, m hub.Message) (hub.ID, error) {
	if m.Status != nil && ctx.Err() == nil && m.Check() == nil {
		return p.origin.hub.Publish(ctx, m)
	}
	return p.Log.Append(ctx, m)
}

func (p plain) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	var events []*hub.Event
	var at hub.ID
	begun := map[string]bool{}
	return p.Log.Tail(ctx, func(b hub.Batch) error {
		for _, begin := range b.Begins {
			begun[begin.Stream] = true
			events = append(events, begin.Events...)
			if begin.Status != nil {
				events = append(events, begin.Status)
			}
		}
		events = append(events, b.Events...)
		if len(begun) < 2 {
			return nil // the other stream is still to come
		}
		if at.IsZero() {
			var err error
			if at, err = hub.NewID(b.After.Epoch(), 0); err != nil {
				return err
			}
		} else if len(events) == 0 {
			return nil // the position alone
		}
		slices.SortFunc(events, func(a, b *hub.Event) int { return cmp.Compare(a.ID().Seq(), b.ID().Seq()) })
		err := emit(hub.Batch{After: at, Events: events})
		if len(events) > 0 {
			at = events[len(events)-1].ID()
		}
		events = events[:0]
		return err
	})
}

func TestLog(t *testing.T) {
	hubtest.TestLog(t, func(t *testing.T) hub.Log {
		o := newOrigin(t, nil)
		log := plain{newLog(t, followlog.Options{Origins: []string{o.url}, Node: "leaf"}), o}
		// Append needs to know an origin.
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		connected := make(chan struct{})
		running.Go(func() {
			once := sync.OnceFunc(func() { close(connected) })
			_ = log.Log.Tail(ctx, func(hub.Batch) error { once(); return nil })
		})
		t.Cleanup(func() { cancel(); running.Wait() })
		await(t, "a connection", connected)
		return log
	})
}

// An origin keeps as much as its history, and says so of each stream.
func TestHoles(t *testing.T) {
	hubtest.TestHoles(t, func(t *testing.T) hubtest.Holes {
		o := newOriginThatKeeps(t, 20, nil)
		return hubtest.Holes{
			Options: hub.Options{Log: newLog(t, followlog.Options{Origins: []string{o.url}, Node: "leaf"}), Shared: true, Beginnings: true},
			Trim:    func(*testing.T) {}, // history has done it
			Lose: func(t *testing.T, _ hub.ID) {
				t.Helper()
				for range 30 {
					if _, err := o.hub.Publish(t.Context(), hub.Message{Stream: "b", Data: []byte("1")}); err != nil {
						t.Fatal(err)
					}
				}
			},
		}
	})
}

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Fatalf("no %s", what)
	}
}

// TestLoop has a node whose origin follows it. Both say so.
func TestLoop(t *testing.T) {
	for name, path := range map[string][]string{"itself": {"leaf"}, "around": {"other", "leaf"}} {
		t.Run(name, func(t *testing.T) {
			for _, node := range []string{"leaf", ""} { // an origin that knows the rule, and one that does not
				o := newOrigin(t, func(opts *handlers.Options) {
					opts.Following = func() handlers.Following { return handlers.Following{Node: path[0], Path: path} }
				})
				log := newLog(t, followlog.Options{Origins: []string{o.url}, Node: "leaf"})
				if node == "" {
					log = newLog(t, followlog.Options{Origins: []string{hidden(t, o.url)}, Node: "leaf"})
				}
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() {
					_ = log.Tail(ctx, func(hub.Batch) error { t.Error("something is followed"); return nil })
				})
				for begin := time.Now(); !strings.Contains(log.Stats().Reason, "follow"); time.Sleep(time.Millisecond) {
					if time.Since(begin) > time.Minute {
						t.Fatalf("the reason is %q", log.Stats().Reason)
					}
				}
				cancel()
				running.Wait()
			}
		})
	}
}

// hidden returns the URL of a proxy that does not pass on who reads.
func hidden(t *testing.T, url string) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := http.NewRequestWithContext(r.Context(), r.Method, url+r.URL.Path, strings.NewReader("{}"))
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := http.DefaultClient.Do(out)
		if err != nil {
			return // the test has ended
		}
		defer resp.Body.Close()
		buffer := make([]byte, 4096)
		for err == nil {
			var n int
			n, err = resp.Body.Read(buffer)
			_, _ = w.Write(buffer[:n])
			_ = http.NewResponseController(w).Flush()
		}
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// TestBrokenLines has an origin that sends lines which nobody can read, larger documents than
// are accepted, and kinds of lines and members of a later version. Valid lines are read.
func TestBrokenLines(t *testing.T) {
	const good = `{"event":"message","id":"e-%s","stream":"default","time":"2026-01-01T00:00:00Z","data":%s,"later":1}`
	lines := []string{
		`{"event":"hello","data":{"session":"s","node":"n","path":["n"],"later":[]}}`,
		`{"event":"streams","data":[{"name":"default","polled":true,"later":{}}]}`,
		`{"event":"begin","id":"e-3","stream":"default","data":{"lost":1,"count":2}}`,
		strings.Replace(strings.Replace(good, "%s", "2", 1), "%s", "2", 1),
		`{"event":"message","id":"e-3","stream":"default","time":"never","data":3}`,
		`{"event":"later","data":{}}`,
		`not a line`,
		`{"event":"message","id":"x","stream":"default","time":"2026-01-01T00:00:00Z","data":4}`,
		strings.Replace(strings.Replace(good, "%s", "5", 1), "%s", `"`+strings.Repeat("x", 2000)+`"`, 1),
		strings.Replace(strings.Replace(good, "%s", "6", 1), "%s", "6", 1),
		`{"event":"hb","id":"e-9","data":{"now":"2026-01-01T00:00:00Z","head":"e-9"}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(strings.Join(lines, "\n") + "\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	var streams []line.Stream
	log := newLog(t, followlog.Options{Origins: []string{server.URL}, Node: "leaf", MaxDocument: 1000, Streams: func(list []line.Stream) { streams = list }})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	var lost, end uint64
	_ = log.Tail(ctx, func(b hub.Batch) error {
		for _, begin := range b.Begins {
			if lost = begin.Lost; lost != 3 {
				t.Errorf("the beginning has lost up to %d, want 3", lost)
			}
			b.Events = append(begin.Events, b.Events...)
		}
		for _, loss := range b.Lost {
			lost = loss.UpTo
		}
		for _, e := range b.Events {
			got = append(got, string(e.Data()))
		}
		if end = b.End; end > 0 {
			cancel()
		}
		return nil
	})
	// The document 3 of the beginning, and 5 after it, are known to be missing.
	if want := []string{"2", "6"}; !slices.Equal(got, want) || lost != 5 || end != 9 {
		t.Errorf("got documents %v, lost up to %d, end %d, want %v, 5, 9", got, lost, end, want)
	}
	if len(streams) != 1 || !streams[0].Polled {
		t.Errorf("got streams %v", streams)
	}
	if n := log.Stats().Broken; n != 4 {
		t.Errorf("%d lines were skipped, want 4", n)
	}
}

// TestClock has an origin whose clock is ten seconds ahead. Small differences are none.
func TestClock(t *testing.T) {
	for ahead, want := range map[time.Duration]bool{0: false, 10 * time.Second: true, -time.Hour: true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			at := time.Now().Add(ahead).UTC().Format(time.RFC3339Nano)
			_, _ = w.Write([]byte(`{"event":"hb","id":"e-9","data":{"now":"` + at + `","head":"e-9"}}` + "\n"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}))
		ctx, cancel := context.WithCancel(t.Context())
		told := time.Duration(0)
		log := newLog(t, followlog.Options{Origins: []string{server.URL}, Clock: func(offset time.Duration) { told = offset }})
		_ = log.Tail(ctx, func(hub.Batch) error { cancel(); return nil })
		if off := (told - ahead).Abs(); want && off > 9*time.Second || !want && told.Abs() > time.Minute {
			t.Errorf("an origin that is %v ahead counts as %v ahead", ahead, told)
		}
		server.Close()
	}
}

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/hub/sse"
	"github.com/polluxhub/pollux/internal/leak"
	"github.com/polluxhub/pollux/internal/logqueue"
	"github.com/polluxhub/pollux/internal/tracing"
)

// startProgram runs what the flags say on a free port, until stop is called.
// stop returns what run returned.
func startProgram(t *testing.T, flags ...string) (url string, stop func() error) {
	t.Helper()
	c, _, err := parse(append([]string{"--listen", "127.0.0.1:0", "--drain", "50ms"}, flags...), io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProgram(t.Context(), &c.Serve, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, nil) }()
	return "http://" + p.Addr().String(), func() error {
		cancel()
		return <-ended
	}
}

// openStream returns a decoder of the stream at the URL.
func openStream(t *testing.T, url string) *sse.Decoder {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %s", resp.Status)
	}
	return sse.NewDecoder(resp.Body)
}

// expectNoLeak checks, behind all other cleanups, that no goroutine is left.
func expectNoLeak(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { leak.Check(t, before) })
}

func next(t *testing.T, stream *sse.Decoder) sse.Event {
	t.Helper()
	e, err := stream.Next()
	if err != nil {
		t.Fatalf("no event: %v", err)
	}
	return e
}

func TestProgramStreamsAndEndsWhole(t *testing.T) {
	expectNoLeak(t)
	url, stop := startProgram(t, "--every", "200ms")
	stream := openStream(t, url+"/api/sse")
	for documents := 0; documents < 3; {
		e := next(t, stream)
		if e.Name == "status" {
			continue // a machine that is busy for a few intervals has a stale stream
		}
		if !strings.Contains(string(e.Data), `"message":"Random update: `) {
			t.Errorf("got %s", e.Data)
		}
		documents++
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for {
		_, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break // not io.ErrUnexpectedEOF: the stream ended at a whole frame
		}
		if err != nil {
			t.Fatalf("the stream was cut: %v", err)
		}
	}
	if err := <-ended; err != nil {
		t.Errorf("run returned %v", err)
	}
}

// Whatever the upstream does, clients keep the last good value and are told.
func TestProgramTellsThatTheUpstreamFails(t *testing.T) {
	expectNoLeak(t)
	var broken atomic.Bool
	var asked, conditional atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("X-Api-Key") != "sesame" {
			t.Errorf("header X-Api-Key is %q", r.Header.Get("X-Api-Key"))
		}
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` {
			conditional.Add(1)
		}
		if broken.Load() {
			_, _ = io.WriteString(w, "<html>oops")
			return
		}
		_, _ = io.WriteString(w, `{ "n" : 9007199254740993, "f": -0.0 }`)
	}))
	defer upstream.Close()
	url, stop := startProgram(t, "--url", upstream.URL, "--header", "X-Api-Key: sesame", "--every", "1s", "--timeout", "950ms")
	stream := openStream(t, url+"/api/sse")
	good := next(t, stream)
	if string(good.Data) != `{"n":9007199254740993,"f":-0.0}` {
		t.Errorf("got %s", good.Data)
	}
	broken.Store(true)
	for _, state := range []string{"stale", "down"} {
		e := next(t, stream)
		if e.Name != "status" || !strings.Contains(string(e.Data), `"state":"`+state+`"`) ||
			!strings.Contains(string(e.Data), `"error":"invalid_json"`) {
			t.Errorf("got %s %s, want status %s", e.Name, e.Data, state)
		}
	}
	// Who comes now gets the last good value and the truth about it.
	late := openStream(t, url+"/api/sse")
	if e := next(t, late); e.ID != good.ID {
		t.Errorf("a late client got %+v", e)
	}
	if e := next(t, late); e.Name != "status" || !strings.Contains(string(e.Data), `"state":"down"`) {
		t.Errorf("a late client got %+v", e)
	}
	broken.Store(false)
	if e := next(t, stream); e.Name != "status" || !strings.Contains(string(e.Data), `"state":"live"`) {
		t.Errorf("after recovery: %+v", e)
	}
	if err := stop(); err != nil {
		t.Errorf("run returned %v", err)
	}
	if asked.Load() != conditional.Load()+1 {
		t.Errorf("%d of %d requests were conditional, want all but the first", conditional.Load(), asked.Load())
	}
}

// The exit status tells a mistake of the user from one of its
// own.
func TestExitStatus(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"--help"}, 0},
		{[]string{"version"}, 0},
		{[]string{"--listen", "127.0.0.1:0", "--drain", "0s"}, 0},
		{[]string{"--colour"}, 2},
		{[]string{"--every", "0s"}, 2},
		{[]string{"--listen", "256.0.0.1:1"}, 2},
		{[]string{"--url", "http://"}, 2},
		{[]string{"health", "--listen", "127.0.0.1:1"}, 1},
		{[]string{"health", "--listen", "nowhere"}, 2},
	} {
		ctx := t.Context()
		if slices.Contains(test.args, "--drain") {
			ctx = over // else it would serve
		}
		var stdout, stderr strings.Builder
		if got := run(ctx, nil, test.args, &stdout, &stderr); got != test.want {
			t.Errorf("%v: status %d, want %d: %s", test.args, got, test.want, stderr.String())
		}
	}
}

// From SIGTERM to its end the program takes less than the ten seconds that Docker gives a
// container by default, whatever is stuck. A second is left for a machine that is busy.
func TestTimeToEnd(t *testing.T) {
	defaults := config.Defaults()
	most := *defaults.LameDuck + *defaults.Drain + pollux.ShutdownGrace + tracing.CloseTimeout + logqueue.CloseTimeout
	if *defaults.Drain != pollux.DefaultDrain || most > 9500*time.Millisecond {
		t.Errorf("the end takes up to %v", most)
	}
}

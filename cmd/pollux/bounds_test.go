package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/hub"
)

// The bounds of the program, as README and --help have them.

func TestDefaultsOfFlags(t *testing.T) {
	c, _, err := parse([]string{"serve"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Serve
	for flag, value := range map[string][2]int{
		"history":       {*s.History, 1000},
		"history-bytes": {*s.HistoryBytes, 16 << 20},
		"buffer":        {*s.Buffer, 16},
		"max-views":     {*s.MaxViews, 64},
		"form-bytes":    {*s.FormBytes, 32 << 20},
		"max-document":  {*s.MaxDocument, 1 << 20},
		"min-rate":      {*s.MinRate, 1000},
		"every":         {int(s.Streams[0].Every), int(5 * time.Second)},
		"heartbeat":     {int(*s.Heartbeat), int(15 * time.Second)},
		"write-timeout": {int(*s.WriteTimeout), int(10 * time.Second)},
		"max-age":       {int(*s.MaxAge), int(time.Hour)},
		"drain":         {int(*s.Drain), int(8 * time.Second)},
	} {
		if value[0] != value[1] {
			t.Errorf("--%s is %d, the documentation says %d", flag, value[0], value[1])
		}
	}
}

// Each flag takes the first and the last value that the documentation has, and none
// beyond.
func TestBoundsOfFlags(t *testing.T) {
	for flag, values := range map[string][4]string{ // the one before, first, last, and the one after
		"history":             {"0", "1", "10000000", "10000001"},
		"history-bytes":       {"0", "1", "1099511627776", "1099511627777"},
		"history-total-bytes": {"0", "1", "1099511627776", "1099511627777"},
		"buffer":              {"0", "1", "65536", "65537"},
		"max-clients":         {"0", "1", "10000000", "10000001"},
		"max-connections":     {"0", "1", "10000000", "10000001"},
		"max-views":           {"0", "1", "10000", "10001"},
		"form-bytes":          {"0", "1", "1099511627776", "1099511627777"},
		"max-document":        {"0", "1", "67108864", "67108865"},
		"min-rate":            {"0", "1", "1073741824", "1073741825"},
		"every":               {"9.999999ms", "10ms", "24h", "24h0m0.000000001s"},
		"heartbeat":           {"9.999999ms", "10ms", "24h", "24h0m0.000000001s"},
		"write-timeout":       {"9.999999ms", "10ms", "24h", "24h0m0.000000001s"},
		"max-age":             {"9.999999ms", "10ms", "168h", "168h0m0.000000001s"},
		"drain":               {"-1ns", "0s", "1h", "1h0m0.000000001s"},
	} {
		for i, value := range values {
			_, _, err := parse([]string{"serve", "--" + flag + "=" + value}, io.Discard, io.Discard)
			if right := i == 1 || i == 2; (err == nil) != right {
				t.Errorf("--%s=%s: %v", flag, value, err)
			}
		}
	}
}

// How long a connection may take for a request, and be idle, and how much it may send.
func TestBoundsOfTheServer(t *testing.T) {
	s := (&program{log: slog.New(slog.DiscardHandler)}).newServer(nil)
	if s.ReadHeaderTimeout != 10*time.Second || s.IdleTimeout != 2*time.Minute {
		t.Errorf("headers have %v, idle connections %v", s.ReadHeaderTimeout, s.IdleTimeout)
	}
	url, stop := startProgram(t)
	for bytes, want := range map[int]int{100 << 10: http.StatusOK, 200 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/livez", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Filler", strings.Repeat("x", bytes))
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%d bytes of headers: %s, want %d", bytes, resp.Status, want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// At SIGTERM whoever reads gets a whole end within the drain, and whoever does not is
// cut a second later.
func TestEndOfTheProgram(t *testing.T) {
	p := startProcess(t, testBinary, bounded("write_timeout: 1h"))
	p.knock(t, "/api/sse?stream=news") // and reads nothing
	eventually(t, "it is inside", func() bool { return p.metric(t, "pollux_clients", "") == 1 })
	for range 12 {
		publish(t, p.url, "news", "thyme", `"`+strings.Repeat("x", 1_000_000)+`"`)
	}
	publish(t, p.url, "news", "thyme", "1")
	const readers = 10
	ended := make(chan error, readers)
	for range readers {
		stream := openStream(t, p.url+"/api/sse?stream=news")
		next(t, stream)
		go func() {
			_, err := stream.Next()
			ended <- err
		}()
	}
	p.signal(t, syscall.SIGTERM)
	for range readers {
		if err := <-ended; !errors.Is(err, io.EOF) {
			t.Errorf("a reader is cut: %v", err)
		}
	}
	select {
	case <-p.ended:
	case <-time.After(longEnough / 2):
		t.Fatal("the program waits for who does not read")
	}
	if cut := p.logged("streams are cut that did not end in time", "streams"); cut != "1" {
		t.Errorf("the log says that %q streams were cut", cut)
	}
}

// What the process holds beside clients is kept back for it.
func TestReserveOfDescriptors(t *testing.T) {
	c := new(serveCommand)
	c.AdminListen, c.Streams = new("127.0.0.1:0"), slices.Repeat([]config.Stream{{}}, 100)
	s := c.divide()
	want := 16 + 2*runtime.GOMAXPROCS(0) + 16 + 100 + min(max(s.descriptors/64, 16), 256)
	if s.Reserve != min(want, s.descriptors/2) {
		t.Errorf("%d descriptors of %d are kept back, want %d", s.Reserve, s.descriptors, want)
	}
	if s.descriptors >= 2*want && s.upstreams != want-16-2*runtime.GOMAXPROCS(0)-16 {
		t.Errorf("%d of them for upstreams", s.upstreams)
	}
}

// Garbage is let lie while a wave of clients lasts, but not where there are so many
// that it would take too much.
func TestPatienceWithGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	percent := func() int {
		old := debug.SetGCPercent(100)
		debug.SetGCPercent(old)
		return old
	}
	usual := percent()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var count, clients atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			rideWaves(ctx, func() (int64, int) { return count.Load(), int(clients.Load()) })
		}()
		for _, step := range []struct {
			moved, clients int64
			want           int
		}{
			{0, 0, usual},
			{49, 49, usual},
			{50, 99, 400},
			{6, 99_999, 400},
			{6, 100_000, usual},
			{6, 99_999, 400},
			{5, 99_999, usual},
		} {
			count.Add(step.moved)
			clients.Store(step.clients)
			time.Sleep(250 * time.Millisecond)
			synctest.Wait()
			if got := percent(); got != step.want {
				t.Errorf("%d have moved, and there are %d: %d percent, want %d", step.moved, step.clients, got, step.want)
			}
		}
		cancel()
		<-done
	})
}

// However many streams there are, each is asked within ten seconds of the start.
func TestFirstPollsAreSpread(t *testing.T) {
	const streams = 300
	file := "streams:\n"
	for i := range streams {
		file += fmt.Sprintf("  - {name: s%d, mock: true, every: 1m}\n", i)
	}
	c := settingsOf(t, file)
	synctest.Test(t, func(t *testing.T) {
		p, err := assemble(c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = p.hub.Run(ctx) }) // ends with the test
		running.Go(func() { _ = p.poller.Run(ctx) })
		asked := func() (n uint64) {
			for _, s := range p.poller.Status() {
				n += s.Polls
			}
			return n
		}
		for after, want := range []uint64{streams * 4 / 10, streams} { // half of them, and all
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if n := asked(); n < want || after == 0 && n > streams*6/10 {
				t.Errorf("%d of %d were asked after %d s", n, streams, 5*(after+1))
			}
		}
		cancel()
		running.Wait()
	})
}

// A server that does not answer is unhealthy.
func TestHealthGivesUp(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	judged := make(chan error, 1)
	go func() { judged <- (&healthCommand{Listen: listener.Addr().String()}).run(t.Context()) }()
	select {
	case err := <-judged:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("judged: %v", err)
		}
	case <-time.After(longEnough / 2):
		t.Error("it waits still")
	}
}

// A reload does not wait long for a log that takes nothing.
func TestReloadDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{}) // which does not run
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		(&program{hub: h, log: slog.New(slog.DiscardHandler)}).pushOnly("default")
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

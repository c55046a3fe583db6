package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/cmd/pollux/config"
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
		"buffer":        {*s.Buffer, 14},
		"max-views":     {*s.MaxViews, 64},
		"form-bytes":    {*s.FormBytes, 32 << 20},
		"max-document":  {*s.MaxDocument, 1 << 20},
		"min-rate":      {*s.MinRate, 1000},
		"every":         {int(s.Streams[0].Every), int(5 * time.Second)},
		"heartbeat":     {int(*s.Heartbeat), int(15 * time.Second)},
		"write-timeout": {int(*s.WriteTimeout), int(10 * time.Second)},
		"max-age":       {int(*s.MaxAge), int(time.Hour)},
		"drain":         {int(*s.Drain), int(6 * time.Second)},
	} {
		if value[0] != value[1] {
			t.Errorf("--%s is %d, the documentation says %d", flag, value[0], value[1])
		}
	}
}

// Each flag takes the first and the last value that the documentation has, and none
// beyond.
func TestBoundsOfFlags(t *testing.T) {
	t.Parallel()
	for flag, values := range map[string][4]string{ // the one before, first, last, and the one after
		"history":             {"0", "1", "10000000", "10000001"},
		"history-bytes":       {"0", "1", "1099511627776", "1099511627777"},
		"history-total-bytes": {"0", "1", "1099511627776", "1099511627777"},
		"buffer":              {"0", "1", "65536", "65537"},
		"max-clients":         {"0", "1", "10000000", "10000001"},
		"max-connections":     {"0", "1", "10000000", "10000001"},
		"max-views":           {"0", "1", "10000", "10001"},
		"form-bytes":          {"0", "1", "1099511627776", "1099511627777"},
		"held-bytes":          {"0", "1", "1099511627776", "1099511627777"},
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

// At SIGTERM a client that reads gets a whole end within the drain, and one that does not is
// cut a second later.
func TestEndOfTheProgram(t *testing.T) {
	t.Parallel()
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

// A descriptor is kept back for each stream that is asked for at an upstream, and for
// no other.
func TestStreamsWithUpstream(t *testing.T) {
	c := new(serveCommand)
	c.Streams = slices.Concat(slices.Repeat([]config.Stream{{}}, 100), []config.Stream{{Push: true}, {Mock: true}})
	if l := c.limits(slog.New(slog.DiscardHandler)); l.Streams != 100 {
		t.Errorf("%d streams have an upstream, want 100", l.Streams)
	}
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

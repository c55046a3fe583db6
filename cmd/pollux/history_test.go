package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
)

// How much history is kept is what flags and file say: of each stream, of one that
// says it itself, and of all together. A reload puts what it says of a stream in
// force.
func TestHistorySettings(t *testing.T) {
	expectNoLeak(t)
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const head = "history: 7\nhistory_bytes: 40000\nhistory_total_bytes: 100000\nstreams:\n"
	write(head + "- {name: plain, push: true}\n- {name: few, push: true, history: 3}\n- {name: small, push: true, history_bytes: 9000}\n")
	c, _, err := parse([]string{"--config", file, "--listen", "127.0.0.1:0", "--drain", "0s"}, io.Discard, io.Discard)
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
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	expect := func(size int, want map[string]int) {
		t.Helper()
		for range 20 {
			for name := range want {
				if _, err := p.Hub().Publish(t.Context(), hub.Message{Stream: name, Data: []byte(strings.Repeat("1", size))}); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := make(map[string]int)
		for _, s := range p.Hub().Stats().Streams {
			got[s.Name] = s.HistoryLen
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	expect(1000, map[string]int{"plain": 7, "few": 3, "small": 5}) // and some 550 bytes beside each
	expect(10_000, map[string]int{"plain": 3, "few": 3, "small": 1})
	var more strings.Builder
	more.WriteString(head + "- {name: plain, push: true, history: 2}\n- {name: few, push: true}\n- {name: small, push: true}\n")
	want := map[string]int{"plain": 2, "few": 7, "small": 7}
	for i := range 3 {
		name := fmt.Sprint("new", i)
		more.WriteString("- {name: " + name + ", push: true}\n")
		want[name] = 7
	}
	write(more.String())
	if _, err := p.reload(); err != nil {
		t.Fatal(err)
	}
	expect(1000, want)
	for range 40 {
		for name := range want {
			if _, err := p.Hub().Publish(t.Context(), hub.Message{Stream: name, Data: []byte(strings.Repeat("1", 8000))}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if held := p.Hub().Stats().HistoryBytes; held > 100_000 || held < 80_000 {
		t.Errorf("all streams keep %d bytes, want 100,000 at most", held)
	}
}

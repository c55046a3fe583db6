package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/report"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/run"
)

// The test binary is also the load process and the server that a measurement
// starts, as the program itself is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"load", "serve", "soak-clients", "raid"}, os.Args[1]) {
		if err := execute(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// tiny is a measurement of some seconds.
func tiny() result.Settings {
	return result.Settings{
		Clients:       50,
		Rounds:        1,
		Size:          200,
		Paced:         5,
		PacedInterval: 50 * time.Millisecond,
		Burst:         300 * time.Millisecond,
		Window:        8,
		Settle:        50 * time.Millisecond,
		SmallClients:  20,
		Stalled:       2,
		LargeSize:     16 << 10,
		LargePace:     25 * time.Millisecond,
		Without:       300 * time.Millisecond,
		With:          300 * time.Millisecond,
		Documents:     3,
		DocumentPace:  20 * time.Millisecond,
	}
}

func newBed(t *testing.T, names ...string) *run.Bed {
	t.Helper()
	selected, err := peer.Select(names)
	if err != nil {
		t.Fatal(err)
	}
	w, err := peer.NewWorkshop(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	b, err := run.NewBed(w, selected, 1000, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The whole of a comparison, with processes, cores and all, on the textbook hub.
func TestCompare(t *testing.T) {
	o := tiny()
	measured, err := newBed(t, "textbook").Compare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(measured.Runs) != 1 {
		t.Fatalf("%d runs", len(measured.Runs))
	}
	r := measured.Runs[0]
	if r.Error != "" || r.Full == nil || r.Small == nil {
		t.Fatalf("%+v", r)
	}
	f, s := r.Full, r.Small
	if f.Opened.Clients != o.Clients || f.Paced.Published != o.Paced || f.Paced.Lost+f.Burst.Lost != 0 {
		t.Errorf("%+v", f)
	}
	if f.Idle.Descriptors != f.Base.Descriptors+o.Clients || f.Left.Descriptors != f.Base.Descriptors || f.GoneAfter < 0 {
		t.Errorf("descriptors: %d, %d, %d, after %v s", f.Base.Descriptors, f.Idle.Descriptors, f.Left.Descriptors, f.GoneAfter)
	}
	if f.CPU() <= 0 || f.IdleMemory() <= 0 || f.ConnectRate() <= 0 || f.BurstRate() <= 0 || f.LastClient() <= 0 {
		t.Errorf("CPU %v, memory %v, connects %v, burst %v, last %v",
			f.CPU(), f.IdleMemory(), f.ConnectRate(), f.BurstRate(), f.LastClient())
	}
	if f.Left.Goroutines < 0 || f.Left.Heap < 0 {
		t.Errorf("inside: %+v", f.Left)
	}
	if s.Document.Published != o.Documents || s.Document.Broken+s.Document.Lost != 0 || s.DocumentBytes() < 5200 {
		t.Errorf("documents: %+v", s.Document)
	}
	if s.Without.Planned != 12 || s.With.Clients != o.SmallClients || s.PeakWith <= 0 {
		t.Errorf("%+v", s)
	}

	// It survives being kept, and can be told.
	name := filepath.Join(t.TempDir(), "peers.json")
	if err := result.Write(name, measured); err != nil {
		t.Fatal(err)
	}
	again := new(result.Peers)
	if err := result.Read(name, again); err != nil {
		t.Fatal(err)
	}
	text := report.Performance(again, nil, nil)
	for _, want := range []string{"textbook Go hub", "## Figures to reach", "not measured", "50 clients"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}

// Many clients, kept by several load processes.
func TestHold(t *testing.T) {
	b := newBed(t, "textbook")
	const clients = 31
	hold, err := b.Hold(t.Context(), b.Peers[0], run.Holding{
		Clients:   clients,
		Processes: 3,
		Time:      500 * time.Millisecond,
		Interval:  100 * time.Millisecond,
		Size:      200,
		Settle:    50 * time.Millisecond,
		Joins:     3,
		JoinTime:  2 * time.Second,
		Window:    4,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(hold.Joins) != 3 {
		t.Errorf("joins: %v", hold.Joins)
	}
	if hold.Clients != clients || hold.Processes != 3 || hold.Published != 5 || hold.Lost != 0 || hold.Gone != 0 {
		t.Errorf("%+v", hold)
	}
	if len(hold.Last) != 5 || len(hold.Samples) != 2 || hold.CPU <= 0 {
		t.Errorf("%+v", hold)
	}
	for _, last := range hold.Last {
		if last <= 0 || last > 5000 {
			t.Errorf("last client after %v ms", last)
		}
	}
}

func TestGrowth(t *testing.T) {
	o := tiny()
	o.Burst = 0
	measured, err := newBed(t, "textbook").Growth(t.Context(), []int{10, 20}, o)
	if err != nil || len(measured) != 2 || measured[0].Error != "" || measured[1].Full.Clients != 20 {
		t.Errorf("%+v, %v", measured, err)
	}
}

func TestParseNumbers(t *testing.T) {
	if got, err := parseNumbers("-sizes", "1000,20000,5", 1000); err != nil || fmt.Sprint(got) != "[1000 5]" {
		t.Errorf("%v, %v", got, err)
	}
	for _, broken := range []string{"", "x", "0", "-1", "1,,2"} {
		if _, err := parseNumbers("-sizes", broken, 10); err == nil {
			t.Errorf("%q is taken", broken)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		nil, {"everything"}, {"serve"}, {"raid"}, {"attack", "-only", "nobody"}, {"attack", "-divide", "0"}, {"soak", "-processes", "0"},
		{"nodes", "-nodes", "0"}, {"nodes", "-log", "paper"}, {"nodes", "-events", "0"}, {"nodes", "-nodes", "1", "-clients", "2000000"},
	} {
		if err := execute(t.Context(), args); err == nil {
			t.Errorf("%q is no mistake", args)
		}
	}
	if err := execute(t.Context(), []string{"peers", "-only", "nobody"}); err == nil {
		t.Error("an unknown peer is no mistake")
	}
}

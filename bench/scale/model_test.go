package scale

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/bench/nodes"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/stat"
)

// Each assumption counts: another value gives another answer.
func TestEachAssumptionCounts(t *testing.T) {
	all := Defaults()
	before := all.Text()[strings.Index(all.Text(), "| result"):]
	for i, one := range all {
		changed := append(Assumptions(nil), all...)
		changed[i].Value = one.Value * 3
		if one.Name == load {
			changed[i].Value = 0.25
		}
		if one.Name == leafShare {
			changed[i].Value = 5
		}
		if one.Name == hop {
			changed[i].Value = 500 // less is hidden by rounding
		}
		if after := changed.Text()[strings.Index(changed.Text(), "| result"):]; after == before {
			t.Errorf("%s counts for nothing", one.Name)
		}
	}
}

// The page has what the program prints.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), Defaults().Text()) {
		t.Error("docs/scale.md has other numbers than `go run . scale` prints: paste them")
	}
}

// What the model says was measured is what was measured, but for rounding.
func TestMeasured(t *testing.T) {
	var rows []nodes.Row
	if err := result.Read("../results/nodes.json", &rows); err != nil {
		t.Fatal(err)
	}
	rows = slices.DeleteFunc(rows, func(r nodes.Row) bool { return r.Log != nodes.NATS })
	var others, quiet, overhead []float64
	kernels := 0.0
	for _, r := range rows {
		others, quiet = append(others, float64(r.Nodes-1)), append(quiet, r.QuietBytes())
		if r.Nodes < 10 { // with more nodes, an event is too little beside what they say anyhow
			overhead = append(overhead, r.EventBytes()-float64(r.Size))
		} else {
			kernels = r.KernelMemory() / 1000
		}
	}
	slope, intercept := stat.Line(others, quiet)
	for name, measured := range map[string]float64{
		kernel: kernels, logOverhead: stat.Median(overhead), logQuiet: intercept, logPeer: slope,
	} {
		if value := Defaults().Value(name); !(math.Abs(value-measured) <= 0.1*measured) {
			t.Errorf("%s is %v, and %v was measured", name, value, measured)
		}
	}
}

// The numbers of a case that can be computed in the head.
func TestAnswer(t *testing.T) {
	a := Defaults()
	for name, value := range map[string]float64{
		clients: 1000, interval: 1, size: 100, overhead: 100, perNode: 500, cores: 1, load: 0.5, delivery: 1000, join: 1000,
		life: 1000, process: 1, kernel: 1, hop: 0, leafShare: 10, nodePrice: 10, trafficPrice: 1,
		logOverhead: 300, logQuiet: 100, logPeer: 50,
	} {
		for i := range a {
			if a[i].Name == name {
				a[i].Value = value
			}
		}
	}
	got := make(map[string]string)
	for _, r := range a.Answer() {
		got[r.What] = r.Value
	}
	for what, want := range map[string]string{
		"deliveries":                "1,000/s",
		"nodes":                     "3", // 1.001 processors, of which each node may use half of one
		"clients of a node":         "333",
		"traffic to clients":        "200.0 kB/s",
		"nodes in a month":          "USD 30",
		"traffic in a month":        "USD 518 for 1 TB",
		"levels of leaves":          "1",
		"busy processors of a node": "0.3 of 1",
		"log to nodes":              "1.8 kB/s",
	} {
		if got[what] != want {
			t.Errorf("%s: %s, want %s", what, got[what], want)
		}
	}
}

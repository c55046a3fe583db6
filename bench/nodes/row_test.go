package nodes

import (
	"testing"
	"time"
)

// Any event that did not come once and in order, and any client that is gone, is noticed.
func TestOK(t *testing.T) {
	good := Row{Published: 3, Delivered: 6}
	if !good.OK() {
		t.Error("a good row is not good")
	}
	for name, change := range map[string]func(*Row){
		"nothing": func(r *Row) { r.Published = 0 },
		"lost":    func(r *Row) { r.Lost = 1 },
		"late":    func(r *Row) { r.Late = 1 },
		"twice":   func(r *Row) { r.Duplicates = 1 },
		"broken":  func(r *Row) { r.Broken = 1 },
		"gone":    func(r *Row) { r.Gone = 1 },
	} {
		row := good
		change(&row)
		if row.OK() {
			t.Errorf("%s is not noticed", name)
		}
	}
}

// What is computed from a row.
func TestFigures(t *testing.T) {
	r := Row{
		Case: Case{NATS, 2, 1000}, Base: 40e6, Used: 42e6, Kernel: 10e6, Published: 10, Delivered: 10_000, CPU: 50 * time.Millisecond,
		Last: []float64{3, 9, 5}, Quiet: Traffic{Seconds: 10, Messages: 40, Bytes: 200, CPU: 100 * time.Millisecond},
		Busy: Traffic{Seconds: 5, Messages: 60, Bytes: 8100, CPU: 50 * time.Millisecond},
	}
	for name, got := range map[string][2]float64{
		"node memory":    {r.NodeMemory(), 20e6},
		"client memory":  {r.ClientMemory(), 2000},
		"kernel memory":  {r.KernelMemory(), 5000},
		"delivery":       {float64(r.Delivery()), 5000},
		"last median":    {r.LastMedian(), 5},
		"last most":      {r.LastMost(), 9},
		"quiet bytes":    {r.QuietBytes(), 10},
		"quiet messages": {r.QuietMessages(), 2},
		"event messages": {r.EventMessages(), 2},
		"event bytes":    {r.EventBytes(), 400},
		"processors":     {r.LogProcessors(), 0.01},
	} {
		if got[0] != got[1] {
			t.Errorf("%s is %v, want %v", name, got[0], got[1])
		}
	}
}

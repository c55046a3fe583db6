package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// No fault makes the program take four times as much as one document may have.
// The faults come one after the other, in a program as it is built for everybody,
// and the kernel tells how much memory the process had at most meanwhile.
func TestFaultsTakeLittleMemory(t *testing.T) {
	const (
		most  = 4 << 20 // four times max_document
		every = 80 * time.Millisecond
	)
	rows := faults(startElsewhere(t))
	upstreams := make([]*upstream, len(rows))
	var entries []string
	for i, r := range rows {
		upstreams[i] = startUpstream(t, r.script, always(good))
		entries = append(entries, r.entry(upstreams[i], every))
	}
	p := startProcess(t, builtBinary(t), configuration(entries...))
	for _, r := range rows {
		eventually(t, r.name+": there is a document", func() bool { return hasLatest(t, p, r) })
	}
	for i, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			before := p.forgetPeak(t)
			upstreams[i].misbehave()
			eventually(t, "it has happened twice", func() bool {
				if _, wronged, _ := upstreams[i].counted(); wronged > 0 && r.clients.then == nil || wronged > 2 {
					return true // the third poll begins when the second is over
				}
				return r.script == nil && streamStates(t, p.url)[r.stream()].Failures >= 2
			})
			rise := p.peakMemory(t) - before
			t.Logf("%d KiB more than %d", rise/1024, before/1024)
			if rise >= most {
				t.Errorf("took %d bytes more than before, want less than %d", rise, most)
			}
			if r.class != "" {
				eventually(t, "it is counted", func() bool { return countersOf(t, p.admin)[r.stream()]["poll_requests "+r.class] > 0 })
			}
			if r.clients.then != nil {
				upstreams[i].recover()
			}
		})
	}
	p.stop(t)
}

// forgetPeak makes the most that the process ever had what it has now, which it
// returns in bytes.
func (p *process) forgetPeak(t *testing.T) int {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return p.peakMemory(t)
}

// peakMemory returns the most that the process has had in memory, in bytes.
func (p *process) peakMemory(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nVmHWM:")
	var kilobytes int
	if _, err := fmt.Sscanf(rest, "%d kB", &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/stat"
)

// compared are the figures by which one server can be better than another.
var compared = []figure{
	idleMemory, afterMemory, cpu, medianTime, p99Time, lastTime, connects, burst, lost, wireBytes, leftMemory,
	documentBytes, withP99, slowed, missed, stalledMemory,
}

// equal is how much two figures may differ and still count as the same.
const equal = 0.05

// better returns a line for each figure in which another server is better than
// Pollux. The floor is none: it does less.
func better(rs runs) []string {
	var lines []string
	for _, f := range compared {
		ours := rs.median(peer.Pollux, f)
		for _, p := range rs.measured() {
			if p.Name == peer.Pollux || p.Name == peer.PolluxGzip || p.Name == peer.Floor {
				continue
			}
			theirs := rs.median(p.Name, f)
			if !ahead(theirs, ours, f.higher) {
				continue
			}
			lines = append(lines, fmt.Sprintf("- **%s**, %s: %s, Pollux %s.", p.Title, f.name, show(theirs, f), show(ours, f)))
		}
	}
	return lines
}

// ahead tells whether a is better than b by more than counts as the same.
func ahead(a, b float64, higher bool) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return false
	}
	if higher {
		a, b = b, a
	}
	return b-a > equal*math.Abs(b)
}

// show formats a figure; those without a unit that are shares, as such.
func show(v float64, f figure) string {
	switch f.name {
	case lost.name, missed.name:
		return percent(v)
	case leftMemory.name:
		return number(v) + " ×"
	}
	return with(v, f.unit)
}

// noisy is from where on a figure's spread is reported.
const noisy = 0.15

// noise returns a table of the figures that differed most from round to round.
func noise(rs runs) (t *table, checked int) {
	type row struct {
		cells []string
		noise float64
	}
	var rows []row
	for _, p := range rs.measured() {
		for _, f := range compared {
			values := rs.values(p.Name, f)
			n := stat.Noise(values)
			if math.IsNaN(n) || math.IsInf(n, 0) {
				continue
			}
			checked++
			if n <= noisy || f.name == lost.name || f.name == missed.name {
				continue
			}
			low, high := stat.Spread(values)
			rows = append(rows, row{[]string{
				p.Title, f.name, show(stat.Median(values), f), show(low, f), show(high, f), percent(n),
			}, n})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(b.noise, a.noise) })
	t = &table{head: []string{"server", "figure", "median", "least", "most", "spread"}}
	for _, r := range rows {
		t.add(r.cells...)
	}
	return t, checked
}

// Failures returns the list of what went wrong, which is empty at best.
func Failures(p *result.Peers) string { return strings.Join(failures(p.Runs), "\n") }

// failures returns a line for each run that has failed, and for each part of one
// in which something arrived that should not have, or a client was closed.
func failures(rs runs) []string {
	var lines []string
	for _, r := range rs {
		say := func(format string, args ...any) {
			lines = append(lines, fmt.Sprintf("- %s, round %d: ", r.Peer, r.Round)+fmt.Sprintf(format, args...))
		}
		if r.Error != "" {
			say("%s", strings.ReplaceAll(r.Error, "\n", " "))
		}
		if r.Full != nil {
			if failed := r.Full.Opened.Failed; failed > 0 {
				say("%d clients got no answer: %s.", failed, r.Full.Opened.Failure)
			}
			wrong(say, "paced", r.Full.Paced)
			wrong(say, "back to back", r.Full.Burst)
		}
		if r.Small != nil {
			wrong(say, "reference document", r.Small.Document)
			wrong(say, "all read", r.Small.Without)
			wrong(say, "some stalled", r.Small.With)
		}
	}
	return lines
}

func wrong(say func(format string, args ...any), part string, r load.Report) {
	for _, w := range []struct {
		n    int64
		what string
	}{
		{r.Lost, "deliveries were lost"},
		{r.Late, "events came after newer ones"},
		{r.Duplicates, "events came twice"},
		{r.Broken, "events were not what was sent"},
		{int64(r.Refused), "events were refused"},
		{int64(r.Gone), "healthy clients were closed"},
	} {
		if w.n > 0 {
			say("%s: %s %s.", part, thousands(w.n), w.what)
		}
	}
}

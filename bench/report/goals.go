package report

import (
	"fmt"
	"math"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/refdoc"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/run"
	"github.com/polluxhub/pollux/bench/stat"
)

// goal is one of the figures that Pollux is to reach.
type goal struct {
	what, target, measured string
	known, reached         bool
}

// The figures to reach.
const (
	mostCPU       = 1.10 // × the floor
	mostMemory    = 0.75 // kB a client
	mostLast      = 1.15 // × the floor
	leastBurst    = 3    // × the floor
	leastConnects = 0.8  // × the floor
	leastShrink   = 40   // times
	mostEnvelope  = 60   // bytes
	mostSwing     = 0.05
	mostMillion   = 1.6 // GB
	mostSlowed    = 1.1 // × the same without
	mostStall     = 11  // seconds
	mostStalled   = 64  // kB a stalled client
	mostLeft      = 0.01
)

// goals judges the figures. limit may be nil.
func goals(p *result.Peers, limit *result.Limit) []goal {
	rs := runs(p.Runs)
	clients := thousands(int64(p.About.Settings.Clients))
	g := []goal{
		atMost("CPU per delivery, "+clients+" clients, paced", rs.ratio(peer.Pollux, peer.Floor, cpu), mostCPU, " × the floor"),
		memoryGoal(rs, clients, limit),
		atMost("time to the last client, "+clients+" clients", rs.ratio(peer.Pollux, peer.Floor, lastTime), mostLast, " × the floor"),
		atLeast("deliveries per second, back to back", rs.ratio(peer.Pollux, peer.Floor, burst), leastBurst, " × the floor"),
		atLeast("connects per second", rs.ratio(peer.Pollux, peer.Floor, connects), leastConnects, " × the floor"),
		gzipGoal(rs),
		envelopeGoal(rs, p.About.Settings.Documents),
	}
	g = append(g, growthGoals(limit)...)
	g = append(g, stallGoals(rs)...)
	return append(g, leftGoals(rs)...)
}

func atMost(what string, v, bound float64, unit string) goal {
	return goal{what, "at most " + number(bound) + unit, with(v, unit), !math.IsNaN(v), v <= bound}
}

func atLeast(what string, v, bound float64, unit string) goal {
	return goal{what, "at least " + number(bound) + unit, with(v, unit), !math.IsNaN(v), v >= bound}
}

// memoryGoal takes the worst of idle and after traffic, with fewer and with more
// clients.
func memoryGoal(rs runs, clients string, limit *result.Limit) goal {
	worst := max(rs.median(peer.Pollux, idleMemory), rs.median(peer.Pollux, afterMemory))
	counts := clients
	if limit != nil {
		if n, more := newGrowth(limit.Growth).largest(); n > 0 {
			worst = max(worst, more.median(peer.Pollux, idleMemory), more.median(peer.Pollux, afterMemory))
			counts += " and " + thousands(int64(n))
		}
	}
	return atMost("memory per client, idle and after traffic, "+counts+" clients, the highest of these", worst, mostMemory, " kB")
}

func gzipGoal(rs runs) goal {
	v := rs.ratio(peer.PolluxGzip, peer.Pollux, documentBytes)
	for _, r := range rs {
		// Without compression, a ratio says nothing.
		if r.Peer == peer.PolluxGzip && r.Small != nil && !r.Small.Gzip {
			v = math.NaN()
		}
	}
	return goal{
		"bytes per event to a gzip client, reference document", fmt.Sprintf("at most 1/%d of the plain stream", leastShrink),
		share(v), !math.IsNaN(v), v <= 1./leastShrink,
	}
}

func envelopeGoal(rs runs, count int) goal {
	v := rs.median(peer.Pollux, documentBytes) - documentSize(count)
	return atMost("bytes per event to a plain client, beyond the document", v, mostEnvelope, " bytes")
}

// documentSize is the mean size of so many reference documents.
func documentSize(count int) float64 {
	source := refdoc.New(refdoc.Seed)
	total := 0
	for range count {
		total += len(source.Next())
	}
	return quotient(float64(total), float64(count))
}

func growthGoals(limit *result.Limit) []goal {
	memory, inCPU, million := math.NaN(), math.NaN(), math.NaN()
	from, to := "1,000", "19,000"
	if limit != nil {
		if g := newGrowth(limit.Growth); len(g.sizes) > 1 {
			from, to = thousands(int64(g.sizes[0])), thousands(int64(g.sizes[len(g.sizes)-1]))
			memory, inCPU = g.swing(peer.Pollux, afterMemory), g.swing(peer.Pollux, cpu)
			million, _ = g.line(run.Most)
		}
	}
	within := "within " + percent(mostSwing)
	return []goal{
		{"memory per client from " + from + " to " + to + " clients", within, percent(memory), !math.IsNaN(memory), memory >= 0 && memory <= mostSwing}, // below 0 it is noise
		{"CPU per delivery from " + from + " to " + to + " clients", within, percent(inCPU), !math.IsNaN(inCPU), inCPU <= mostSwing},
		atMost("memory of 1,000,000 clients, by the same line", million/1e9, mostMillion, " GB"),
	}
}

func stallGoals(rs runs) []goal {
	lost := math.NaN()
	for _, r := range rs {
		if r.Peer == peer.Pollux && r.Small != nil && r.Small.With.Planned > 0 {
			if math.IsNaN(lost) {
				lost = 0
			}
			lost += float64(r.Small.With.Lost)
		}
	}
	after := math.Inf(1)
	if rs.median(peer.Pollux, dropped) == 1 {
		after = stat.Median(rs.values(peer.Pollux, droppedAfter))
	}
	gone := atMost("stalled clients disconnected after", after, mostStall, " s")
	gone.known = !math.IsNaN(rs.median(peer.Pollux, dropped))
	if gone.known && math.IsInf(after, 1) {
		gone.measured = percent(rs.median(peer.Pollux, dropped)) + " of them disconnected"
	}
	return []goal{
		atMost("healthy clients' 99th percentile with stalled readers", rs.median(peer.Pollux, slowed), mostSlowed, " × without"),
		{"events that healthy clients lost meanwhile", "0", count(lost), !math.IsNaN(lost), lost == 0},
		gone,
		atMost("memory per stalled client", rs.median(peer.Pollux, stalledMemory), mostStalled, " kB"),
	}
}

// count formats a number of things.
func count(v float64) string {
	if math.IsNaN(v) {
		return none
	}
	return thousands(int64(v))
}

func leftGoals(rs runs) []goal {
	same := func(what string, f figure) goal {
		v := rs.median(peer.Pollux, f)
		return goal{what + " after all clients have left", "as before", signed(v), !math.IsNaN(v), v == 0}
	}
	heap := rs.median(peer.Pollux, leftHeap)
	return []goal{
		same("descriptors", leftDescriptors),
		same("goroutines", leftGoroutines),
		{
			"heap after all clients have left, compared with before", "1 ± " + number(mostLeft), thousandths(heap),
			!math.IsNaN(heap), math.Abs(heap-1) <= mostLeft,
		},
	}
}

// goalTable returns the goals as a table.
func goalTable(goals []goal) *table {
	t := &table{head: []string{"figure", "goal", "measured", "reached"}}
	for _, g := range goals {
		verdict := "**no**"
		switch {
		case !g.known:
			verdict = "not measured"
		case g.reached:
			verdict = "yes"
		}
		t.add(g.what, g.target, g.measured, verdict)
	}
	return t
}

// Goals returns the table of the figures to reach.
func Goals(p *result.Peers, limit *result.Limit) string { return goalTable(goals(p, limit)).String() }

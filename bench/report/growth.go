package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/run"
	"github.com/polluxhub/pollux/bench/stat"
)

// growth is the same measurement with different numbers of clients.
type growth struct {
	sizes []int
	of    map[int]runs
}

func newGrowth(all []result.Run) growth {
	g := growth{of: make(map[int]runs)}
	for _, r := range all {
		if r.Full == nil {
			continue
		}
		n := r.Full.Clients
		if !slices.Contains(g.sizes, n) {
			g.sizes = append(g.sizes, n)
		}
		g.of[n] = append(g.of[n], r)
	}
	slices.Sort(g.sizes)
	return g
}

// table returns how the figures grow.
func (g growth) table() *table {
	t := &table{head: []string{"clients", "memory per client: idle, kB", "after traffic, kB", "CPU per delivery, µs", "floor, µs", "× floor",
		"last client, ms", "floor, ms"}}
	for _, n := range g.sizes {
		rs := g.of[n]
		t.add(thousands(int64(n)),
			number(rs.median(peer.Pollux, idleMemory)), number(rs.median(peer.Pollux, afterMemory)),
			number(rs.median(peer.Pollux, cpu)), number(rs.median(peer.Floor, cpu)), number(rs.ratio(peer.Pollux, peer.Floor, cpu)),
			number(rs.median(peer.Pollux, lastTime)), number(rs.median(peer.Floor, lastTime)))
	}
	return t
}

// swing returns how far a figure's medians lie apart over all sizes: 0.05 means
// that the largest is 5 % above the smallest.
func (g growth) swing(name string, f figure) float64 {
	var values []float64
	for _, n := range g.sizes {
		values = append(values, g.of[n].median(name, f))
	}
	low, high := stat.Spread(values)
	return quotient(high, low) - 1
}

// largest returns the most clients there were, and the runs with them.
func (g growth) largest() (int, runs) {
	if len(g.sizes) == 0 {
		return 0, nil
	}
	n := g.sizes[len(g.sizes)-1]
	return n, g.of[n]
}

// line extrapolates what Pollux uses in all, from the medians, to more clients:
// memory in bytes, and the time to the last client in milliseconds.
func (g growth) line(clients int) (memory, last float64) {
	var x, y, z []float64
	for _, n := range g.sizes {
		m := g.of[n].median(peer.Pollux, afterMemory)
		l := g.of[n].median(peer.Pollux, lastTime)
		if math.IsNaN(m) || math.IsNaN(l) {
			continue
		}
		x, y, z = append(x, float64(n)), append(y, m*kB*float64(n)), append(z, l)
	}
	slope, intercept := stat.Line(x, y)
	memory = slope*float64(clients) + intercept
	slope, intercept = stat.Line(x, z)
	return memory, slope*float64(clients) + intercept
}

// Growth returns the table of different numbers of clients, and what follows
// from it.
func Growth(l *result.Limit) string {
	g := newGrowth(l.Growth)
	if len(g.sizes) == 0 {
		return "Not measured.\n"
	}
	var b strings.Builder
	o := l.About.Settings
	fmt.Fprintf(&b, "Events of %d bytes, %d of them, one every %v; medians of %d rounds:\n\n%s\n",
		o.Size, o.Paced, o.PacedInterval.Round(1e6), o.Rounds, g.table())
	fmt.Fprintf(&b, "Between the fewest and the most clients, memory per client differs by %s (after traffic), CPU per delivery by %s (the floor's by %s).\n",
		percent(g.swing(peer.Pollux, afterMemory)), percent(g.swing(peer.Pollux, cpu)), percent(g.swing(peer.Floor, cpu)))
	if len(g.sizes) > 1 {
		none, _ := g.line(0)
		one, _ := g.line(1)
		memory, last := g.line(run.Most)
		fmt.Fprintf(&b, "The straight line through these points is %s MB and %s kB for each client; "+
			"it leads to %s GB and %s s to the last client for %s clients on one core.\n",
			number(none/1e6), number((one-none)/kB), number(memory/1e9), number(last/1000), thousands(run.Most))
	}
	return b.String()
}

// Hold returns what came of keeping many clients for some minutes.
func Hold(h *result.Hold) string {
	if h == nil || len(h.Samples) == 0 {
		return "Not measured.\n"
	}
	var b strings.Builder
	if h.Clients < run.Most && h.Clients == run.Reach(h.Bound) {
		fmt.Fprintf(&b, "A process may open %s descriptors here, and this limit cannot be raised, so %s clients is the limit of one server on this machine.\n",
			thousands(int64(h.Bound)), thousands(int64(h.Clients)))
	}
	fmt.Fprintf(&b, "%s clients (%d load processes) were connected in %s s and kept for %s s: %d events, %s lost, %d clients closed by the server.\n\n",
		thousands(int64(h.Clients)), h.Processes, number(h.Opened), number(h.Samples[len(h.Samples)-1].After),
		h.Published, thousands(h.Lost), h.Gone)
	t := &table{head: []string{"after, s", "memory, MB", "per client, kB", "kernel memory per connection, both ends, kB", "descriptors", "threads"}}
	for _, sample := range h.Samples {
		u, n := sample.Usage, float64(h.Clients)
		inKernel := float64(u.Kernel.Slab - h.Base.Kernel.Slab + u.Kernel.Bytes - h.Base.Kernel.Bytes)
		t.add(number(sample.After), number(float64(u.Pss)/1e6), number(float64(u.Pss-h.Base.Pss)/n/kB),
			number(inKernel/n/kB), thousands(int64(u.Descriptors)), fmt.Sprint(u.Threads))
	}
	b.WriteString(t.String())
	low, high := stat.Spread(h.Last)
	fmt.Fprintf(&b, "\nTime to the last client: median %s ms, from %s to %s ms. CPU over the whole time: %s s.\n",
		number(stat.Median(h.Last)), number(low), number(high), number(h.CPU.Seconds()))
	if n := len(h.Joins); n > 0 {
		joins := slices.Sorted(slices.Values(h.Joins))
		fmt.Fprintf(&b, "\nA further client that connects while all of these receive events back to back gets its first event %s ms after it dials "+
			"(median of %d; 99th of 100: %s ms).\n", number(stat.Median(joins)), n, number(joins[stat.Rank(0.99, n)-1]))
	}
	return b.String()
}

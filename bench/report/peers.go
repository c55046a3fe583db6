package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/result"
)

// Summary returns the tables of a comparison.
func Summary(p *result.Peers) string {
	rs, o := runs(p.Runs), p.About.Settings
	var b strings.Builder
	section := func(text string, t *table) { fmt.Fprintf(&b, "%s\n\n%s\n", text, t) }
	section(fmt.Sprintf("%s clients, events of %d bytes, %d of them, one every %v:",
		thousands(int64(o.Clients)), o.Size, o.Paced, o.PacedInterval.Round(1e6)), costs(rs))
	section(fmt.Sprintf("The same clients: connecting them, and events back to back for %v, at most %d unread:",
		o.Burst, o.Window), rates(rs))
	section(fmt.Sprintf("%d clients that read, events of %s bytes, %d per second; then %d more that do not read:",
		o.SmallClients, thousands(int64(o.LargeSize)), int(1/o.LargePace.Seconds()+0.5), o.Stalled), stalls(rs))
	section("Bytes that a client reads for an event:", sizes(rs))
	section("What remains when all clients have left:", leavings(rs))
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// costs is what a client and a delivery cost, and when events arrive.
func costs(rs runs) *table {
	t := &table{head: []string{"server", "memory per client: idle, kB", "after traffic, kB", "CPU per delivery, µs", "× floor",
		"median client, ms", "99th, ms", "last, ms", "× floor"}}
	for _, p := range rs.measured() {
		t.add(p.Title,
			number(rs.median(p.Name, idleMemory)), number(rs.median(p.Name, afterMemory)),
			number(rs.median(p.Name, cpu)), number(rs.ratio(p.Name, peer.Floor, cpu)),
			number(rs.median(p.Name, medianTime)), number(rs.median(p.Name, p99Time)),
			number(rs.median(p.Name, lastTime)), number(rs.ratio(p.Name, peer.Floor, lastTime)))
	}
	return t
}

// rates is what a server can do in a second.
func rates(rs runs) *table {
	t := &table{head: []string{"server", "connects per second", "× floor", "deliveries per second", "× floor", "lost",
		"kernel memory per connection, both ends, kB"}}
	for _, p := range rs.measured() {
		t.add(p.Title,
			number(rs.median(p.Name, connects)), number(rs.ratio(p.Name, peer.Floor, connects)),
			number(rs.median(p.Name, burst)), number(rs.ratio(p.Name, peer.Floor, burst)),
			percent(rs.median(p.Name, lost)), number(rs.median(p.Name, kernel)))
	}
	return t
}

// stalls is what clients that do not read do to the others.
func stalls(rs runs) *table {
	t := &table{head: []string{"server", "99th percentile: all read, ms", "some stalled, ms", "×", "missed by healthy clients",
		"stalled dropped", "after, s", "memory per stalled client, kB"}}
	for _, p := range rs.measured() {
		if p.Gzip {
			continue
		}
		t.add(p.Title,
			number(rs.median(p.Name, withoutP99)), number(rs.median(p.Name, withP99)), number(rs.median(p.Name, slowed)),
			percent(rs.median(p.Name, missed)),
			percent(rs.median(p.Name, dropped)), number(rs.median(p.Name, droppedAfter)),
			number(rs.median(p.Name, stalledMemory)))
	}
	return t
}

// sizes is bytes on the wire, framing of HTTP included.
func sizes(rs runs) *table {
	t := &table{head: []string{"server", "event of 200", "reference document", "of plain Pollux", "documents compared", "wrong"}}
	for _, p := range rs.measured() {
		compared, wrong := documents(rs, p.Name)
		t.add(p.Title,
			number(rs.median(p.Name, wireBytes)), number(rs.median(p.Name, documentBytes)),
			share(rs.ratio(p.Name, peer.Pollux, documentBytes)), thousands(compared), thousands(wrong))
	}
	return t
}

// share writes small ratios as fractions, which say more.
func share(v float64) string {
	if !math.IsNaN(v) && v < 0.5 {
		return fmt.Sprintf("1/%.0f", 1/v)
	}
	return number(v)
}

// documents returns how many reference documents were compared with what was
// sent, and how many of them were missing or not the same.
func documents(rs runs, name string) (compared, wrong int64) {
	for i := range rs {
		if rs[i].Peer == name && rs[i].Small != nil {
			d := rs[i].Small.Document
			compared += d.Delivered + d.Broken
			wrong += d.Broken + d.Lost
		}
	}
	return compared, wrong
}

// leavings is what is left when all clients have gone.
func leavings(rs runs) *table {
	t := &table{head: []string{"server", "descriptors closed after, s", "descriptors", "threads", "goroutines",
		"memory, compared with before", "Go heap, compared with before"}}
	for _, p := range rs.measured() {
		t.add(p.Title, number(rs.median(p.Name, goneAfter)),
			signed(rs.median(p.Name, leftDescriptors)), signed(rs.median(p.Name, leftThreads)), signed(rs.median(p.Name, leftGoroutines)),
			number(rs.median(p.Name, leftMemory)), thousandths(rs.median(p.Name, leftHeap)))
	}
	return t
}

// thousandths is exact enough for a figure that must not differ by a hundredth.
func thousandths(v float64) string {
	if math.IsNaN(v) {
		return none
	}
	return fmt.Sprintf("%.3f", v)
}

func signed(v float64) string {
	switch {
	case math.IsNaN(v):
		return none
	case v == 0:
		return "as before"
	default:
		return fmt.Sprintf("%+.0f", v)
	}
}

package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/secure"
	"github.com/polluxhub/pollux/bench/stat"
)

// The figures to reach of clients with TLS, on HTTP/1.1, and of those without that are
// measured beside them.
const (
	mostSecureMemory   = 8   // kB a client
	mostSecureDelivery = 1.5 // × plain
	mostReturn         = 2   // × a plain join
	mostJoin           = 33  // µs of the processor, plain
)

// Secure returns what clients with TLS cost, and whether that is what it should be.
func Secure(r *secure.Result) string {
	return goalTable(secureGoals(r)).String() + "\n" + secureTables(r)
}

// secureTables returns all rows.
func secureTables(r *secure.Result) string {
	var b strings.Builder
	t := &table{head: []string{"server, protocol", "clients", "memory per client: idle, kB", "after traffic, kB", "CPU: join, µs", "return, µs",
		"resumed", "all back, s", "delivery, µs", "last client, ms", "rounds"}}
	var failed []string
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Failed != "" {
			failed = append(failed, fmt.Sprintf("- %s, %v, %s clients: %s", row.Title, row.Protocol, thousands(int64(row.Clients)), row.Failed))
		}
		if len(row.Rounds) == 0 {
			continue
		}
		t.add(row.Title+", "+row.Protocol.String(), thousands(int64(row.Clients)),
			number(row.Median(secureIdle)), number(row.Median(secureUsed)),
			number(row.Median(secureJoin)), number(row.Median(secureReturn)),
			percent(row.Median(func(f *secure.Figures) float64 { return f.Resumed })), number(row.Median(func(f *secure.Figures) float64 { return f.Wave })),
			number(row.Median(secureDelivery)), number(row.Median(func(f *secure.Figures) float64 { return f.Last })), fmt.Sprint(len(row.Rounds)))
	}
	b.WriteString(t.String())
	if stalled := stalledTable(r); len(stalled.rows) > 0 {
		o := r.Settings
		fmt.Fprintf(&b, "\n%d clients that read, events of %s bytes, %d per second; then %d more that read nothing:\n\n%s",
			o.Readers, thousands(int64(o.LargeSize)), int(1/o.LargePace.Seconds()+0.5), o.Stalled, stalled)
	}
	if len(failed) > 0 {
		fmt.Fprintf(&b, "\nNot measured:\n\n%s\n", strings.Join(failed, "\n"))
	}
	return b.String()
}

// secureText is the part of docs/performance.md about clients with TLS.
func secureText(r *secure.Result) string {
	if r == nil {
		return "Not measured.\n"
	}
	o := r.Settings
	return fmt.Sprintf("Events of %d bytes, %d of them, one every %v. A join has a whole handshake, with an ECDSA certificate. A return\n"+
		"resumes the session by a ticket, and has a `Last-Event-ID`; all clients return at once. The clients are those of Go's\n"+
		"`crypto/tls`, on whichever core has room. Figures are medians of as many rounds as the last column says.\n\n%s",
		o.Size, o.Events, o.Pace.Round(time.Millisecond), secureTables(r))
}

// secureNotes tells how the servers with TLS were set up.
func secureNotes(r *secure.Result) string {
	var b strings.Builder
	if r == nil {
		return ""
	}
	for _, v := range r.About.Versions {
		for i := range r.Rows {
			row := &r.Rows[i]
			if row.Peer != v.Peer || row.Peer == peer.Pollux {
				continue
			}
			if v.Missing != "" {
				fmt.Fprintf(&b, "- **%s, with TLS** was left out: %s\n", row.Title, v.Missing)
			} else {
				fmt.Fprintf(&b, "- **%s, with TLS** (%s). %s\n", row.Title, v.Version, row.Note)
			}
			break
		}
	}
	return b.String()
}

func secureIdle(f *secure.Figures) float64     { return f.Memory / kB }
func secureUsed(f *secure.Figures) float64     { return f.MemoryUsed / kB }
func secureJoin(f *secure.Figures) float64     { return f.Join }
func secureReturn(f *secure.Figures) float64   { return f.Return }
func secureDelivery(f *secure.Figures) float64 { return f.Delivery }

// deciding returns the row of Pollux on HTTP/1.1 that has the most clients. It returns nil if
// there is no such row.
func deciding(r *secure.Result, tls bool) (most *secure.Row) {
	name := peer.Pollux
	if tls {
		name = peer.PolluxTLS
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Peer == name && !row.Protocol.HTTP2 && !row.Protocol.Gzip && len(row.Rounds) > 0 && (most == nil || row.Clients > most.Clients) {
			most = row
		}
	}
	return most
}

// secureGoals judges the figures of clients with TLS. r may be nil.
func secureGoals(r *secure.Result) []goal {
	plain, with := new(secure.Row), new(secure.Row)
	clients := ""
	if r != nil {
		if row := deciding(r, false); row != nil {
			plain = row
		}
		if row := deciding(r, true); row != nil {
			with, clients = row, ", "+thousands(int64(row.Clients))+" clients"
		}
	}
	// compared is the median of the ratios within a round.
	compared := func(of, to func(*secure.Figures) float64) float64 {
		var ratios []float64
		for i := range min(len(with.Rounds), len(plain.Rounds)) {
			ratios = append(ratios, quotient(of(&with.Rounds[i]), to(&plain.Rounds[i])))
		}
		return stat.Median(ratios)
	}
	lost, missed, after := math.NaN(), math.NaN(), math.NaN()
	for i := range with.Rounds {
		f := &with.Rounds[i]
		lost = plus(lost, float64(f.Lost))
		if f.Stalled != nil {
			missed, after = plus(missed, float64(f.Stalled.Lost)), with.Median(stalledAfter)
		}
	}
	gone := atMost("TLS: stalled clients disconnected after", after, mostStall, " s")
	if after < 0 {
		gone.measured, gone.reached = "not all of them were", false
	}
	return []goal{
		atMost("CPU of a join without TLS", plain.Median(secureJoin), mostJoin, " µs"),
		atMost("TLS on HTTP/1.1: memory per client, idle and after traffic"+clients+", the higher one",
			max(with.Median(secureIdle), with.Median(secureUsed)), mostSecureMemory, " kB"),
		atMost("TLS: CPU per delivery", compared(secureDelivery, secureDelivery), mostSecureDelivery, " × without"),
		atMost("TLS: CPU of a return with a ticket", compared(secureReturn, secureJoin), mostReturn, " × a join without"),
		{"TLS: events lost", "0", count(lost), !math.IsNaN(lost), lost == 0},
		gone,
		{"TLS: events that healthy clients lost meanwhile", "0", count(missed), !math.IsNaN(missed), missed == 0},
		atMost("TLS: memory per stalled client", with.Median(stalledBytes), mostStalled, " kB"),
	}
}

// plus adds to a sum that is NaN as long as nothing was added.
func plus(sum, v float64) float64 {
	if math.IsNaN(sum) {
		return v
	}
	return sum + v
}

// stalledTable tells what clients that read nothing cost, with TLS and without.
func stalledTable(r *secure.Result) *table {
	t := &table{head: []string{"protocol", "memory per stalled client, kB", "stalled dropped", "after, s", "events that the others lost"}}
	for i := range r.Rows {
		row := &r.Rows[i]
		if math.IsNaN(row.Median(stalledBytes)) {
			continue
		}
		t.add(row.Protocol.String(), number(row.Median(stalledBytes)), percent(row.Median(stalledDropped)), number(row.Median(stalledAfter)),
			number(row.Median(stalledLost)))
	}
	return t
}

// ofStalled is a figure of clients that read nothing, where that was measured.
func ofStalled(of func(*secure.Stalled) float64) func(*secure.Figures) float64 {
	return func(f *secure.Figures) float64 {
		if f.Stalled == nil {
			return math.NaN()
		}
		return of(f.Stalled)
	}
}

var (
	stalledBytes   = ofStalled(func(s *secure.Stalled) float64 { return s.Memory / kB })
	stalledAfter   = ofStalled(func(s *secure.Stalled) float64 { return s.After })
	stalledLost    = ofStalled(func(s *secure.Stalled) float64 { return float64(s.Lost) })
	stalledDropped = ofStalled(func(s *secure.Stalled) float64 { return float64(s.Dropped) / float64(s.Clients) })
)

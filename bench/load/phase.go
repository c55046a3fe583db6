package load

import (
	"bytes"
	"cmp"
	"math"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/bench/stat"
)

// phase is one stretch of a measurement: some events, and what became of them.
// It belongs to the reader's thread, but for sent, which the publisher writes,
// and completed, which it reads.
type phase struct {
	first  uint32
	expect int // clients that should get each event, as long as they are there

	// documents, where there are any, are the exact data of the events: the
	// sampled clients compare. Otherwise events are known by their markers.
	documents [][]byte

	sent      []atomic.Int64 // when each event was published
	completed chan uint32    // events that everybody has got

	events     []eventTimes
	top        int            // of events, how many from the first on may have been read
	all        stat.Histogram // of the time from publish to read, of every delivery
	bytes      int64
	delivered  int64
	late       int64
	duplicates int64
	broken     int64 // events or streams that are not what was sent
	gone       int   // clients that the server has closed
}

// eventTimes is when an event had come to so many of the clients. Reads happen
// one after the other, so the k-th read is the k-th client's.
type eventTimes struct {
	count                  int
	sent, median, p99, end int64
	complete               bool
}

func newPhase(first uint32, expect, most int, documents [][]byte) *phase {
	return &phase{
		first:     first,
		expect:    expect,
		documents: documents,
		sent:      make([]atomic.Int64, most),
		completed: make(chan uint32, most),
		events:    make([]eventTimes, most),
	}
}

// got takes note that a client has got the event seq at the time now. sent is
// when it was published, as its marker says; without a marker it is 0.
func (p *phase) got(o *order, seq uint32, sent, now int64) {
	if seq < p.first {
		return // left over from before
	}
	i := int(seq - p.first)
	if i >= len(p.events) {
		p.broken++
		return
	}
	switch o.add(seq) {
	case duplicate:
		p.duplicates++
		return
	case late:
		p.late++
	case fresh:
	}
	p.delivered++
	e := &p.events[i]
	if e.sent == 0 {
		e.sent = sent
		if sent == 0 {
			e.sent = p.sent[i].Load()
		}
	}
	p.all.Add(now - e.sent)
	p.top = max(p.top, i+1)
	e.count++
	if e.count == stat.Rank(0.5, p.expect) {
		e.median = now
	}
	if e.count == stat.Rank(0.99, p.expect) {
		e.p99 = now
	}
	e.end = now
	p.check(i)
}

// check tells the publisher when the event has come to all who are there.
func (p *phase) check(i int) {
	e := &p.events[i]
	if !e.complete && e.count > 0 && e.count >= p.expect-p.gone {
		e.complete = true
		p.completed <- p.first + uint32(i) // it holds as many as there are events
	}
}

// await waits until so many events have come to all who are there, or patience has passed without one.
func (p *phase) await(events int) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for range events {
		timer.Reset(patience)
		select {
		case <-p.completed:
		case <-timer.C:
			return
		}
	}
}

// left takes note that the server has closed a client.
func (p *phase) left() {
	p.gone++
	for i := range p.top {
		p.check(i)
	}
}

// index returns which of the phase's documents data is. It looks from next on
// first, because that is what nearly always comes.
func (p *phase) index(next int, data []byte) (int, bool) {
	for k := range p.documents {
		i := (next + k) % len(p.documents)
		if bytes.Equal(p.documents[i], data) {
			return i, true
		}
	}
	return 0, false
}

// Report is what came of a phase. Times are in milliseconds, from the moment an
// event is published; NaN does not occur, -1 stands for "no such event".
type Report struct {
	Planned    int     `json:"planned"`    // events that should have been published
	Published  int     `json:"published"`  // events that the server took
	Refused    int     `json:"refused"`    // events that the server did not take
	Clients    int     `json:"clients"`    // whose events were looked at, and who should have got each
	Readers    int     `json:"readers"`    // all whose bytes were counted
	Delivered  int64   `json:"delivered"`  // events × clients
	Lost       int64   `json:"lost"`       // published, and never read
	Late       int64   `json:"late"`       // read after a newer one
	Duplicates int64   `json:"duplicates"` // read twice
	Broken     int64   `json:"broken"`     // not what was sent
	Gone       int     `json:"gone"`       // clients that the server has closed
	Bytes      int64   `json:"bytes"`      // read by all clients
	Seconds    float64 `json:"seconds"`    // from the first publish to the last read

	MedianClient float64 `json:"medianClient"` // an event's way to half of the clients: median of all events
	P99Client    float64 `json:"p99Client"`
	LastClient   float64 `json:"lastClient"`
	AllP50       float64 `json:"allP50"` // of all deliveries, whatever the event
	AllP99       float64 `json:"allP99"`
	AllMax       float64 `json:"allMax"`
	Answer       float64 `json:"answer"` // median time until the server answers the publisher

	Lasts []Last `json:"lasts,omitempty"`
}

// Last is the last read of an event, on the shared clock: several processes
// together find out whose was the very last.
type Last struct {
	Seq   uint32 `json:"seq"`
	Sent  int64  `json:"sent"`
	End   int64  `json:"end"`
	Count int    `json:"count"`
}

const millisecond = 1e6

// report sums up the first published events of the phase.
func (p *phase) report(published int, detail bool) Report {
	r := Report{
		Published:  published,
		Clients:    p.expect,
		Delivered:  p.delivered,
		Lost:       int64(published)*int64(p.expect) - p.delivered,
		Late:       p.late,
		Duplicates: p.duplicates,
		Broken:     p.broken,
		Gone:       p.gone,
		Bytes:      p.bytes,
		AllP50:     orMinus(p.all.Quantile(0.5) / millisecond),
		AllP99:     orMinus(p.all.Quantile(0.99) / millisecond),
		AllMax:     float64(p.all.Max()) / millisecond,
	}
	var median, p99, last []float64
	var start, end int64
	for i := range p.events[:min(published, len(p.events))] {
		e := &p.events[i]
		if detail {
			r.Lasts = append(r.Lasts, Last{p.first + uint32(i), e.sent, e.end, e.count})
		}
		start = cmp.Or(start, e.sent)
		end = max(end, e.end)
		since := func(t int64) float64 {
			if t == 0 {
				return math.NaN() // it never came to so many
			}
			return float64(t-e.sent) / millisecond
		}
		median = append(median, since(e.median))
		p99 = append(p99, since(e.p99))
		if e.complete {
			last = append(last, since(e.end))
		}
	}
	r.MedianClient = orMinus(stat.Median(median))
	r.P99Client = orMinus(stat.Median(p99))
	r.LastClient = orMinus(stat.Median(last))
	r.Seconds = float64(end-start) / 1e9
	return r
}

// orMinus makes a number that JSON can hold.
func orMinus(v float64) float64 {
	if math.IsNaN(v) {
		return -1
	}
	return v
}

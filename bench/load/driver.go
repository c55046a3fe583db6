package load

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/bench/clock"
	"github.com/polluxhub/pollux/bench/refdoc"
	"github.com/polluxhub/pollux/bench/stat"
)

const (
	// patience is how long after the last publish an event may still arrive.
	patience = 3 * time.Second

	// unanswered is how long a window may stand still before those events that
	// are outstanding are given up for lost.
	unanswered = 2 * time.Second

	// straggling is how long after some clients all others have an event too.
	straggling = 500 * time.Millisecond

	// mostEvents bounds the events of one burst.
	mostEvents = 1 << 16
)

// Driver publishes to the clients of a Fleet, and tells what arrives.
type Driver struct {
	fleet     *Fleet
	publisher *Publisher
	next      uint32
}

// Next returns the number of the next event.
func (d *Driver) Next() uint32 { return d.next }

// NewDriver returns a Driver, whose first event has the number 1.
func NewDriver(f *Fleet, p *Publisher) *Driver { return &Driver{fleet: f, publisher: p, next: 1} }

// Disconnect closes all clients, and the publisher's connection with them.
func (d *Driver) Disconnect() error {
	d.publisher.Rest()
	return d.fleet.Disconnect()
}

// Paced is events at fixed times.
type Paced struct {
	Count    int           `json:"count"`
	Interval time.Duration `json:"interval"`
	Size     int           `json:"size"` // of the data, in bytes
	Detail   bool          `json:"detail"`
}

// Paced publishes an event at each tick. While a server takes longer for one
// than the interval, ticks pass without an event: nothing is made up for.
func (d *Driver) Paced(ctx context.Context, o Paced) (Report, error) {
	bodies := make([][]byte, o.Count)
	for i := range bodies {
		bodies[i] = payload(d.next+uint32(i), o.Size)
	}
	return d.paced(ctx, o, bodies, nil)
}

// Documents is the reference document in so many versions, at fixed times.
type Documents struct {
	Count    int           `json:"count"`
	Interval time.Duration `json:"interval"`
}

// Documents publishes the reference document and its changes. The sampled
// clients compare each with what was sent; the bytes of all are counted, but for
// the first document, which changes everything there was before.
func (d *Driver) Documents(ctx context.Context, o Documents) (Report, error) {
	source := refdoc.New(refdoc.Seed)
	first := [][]byte{source.Next()}
	if _, err := d.paced(ctx, Paced{Count: 1}, first, first); err != nil {
		return Report{}, err
	}
	bodies := make([][]byte, o.Count)
	for i := range bodies {
		bodies[i] = source.Next()
	}
	return d.paced(ctx, Paced{Count: o.Count, Interval: o.Interval}, bodies, bodies)
}

func (d *Driver) paced(ctx context.Context, o Paced, bodies, documents [][]byte) (Report, error) {
	run, err := d.begin(o.Count, documents)
	if err != nil {
		return Report{}, err
	}
	start := time.Now()
	for i := range o.Count {
		due := start.Add(time.Duration(i) * o.Interval)
		if o.Interval > 0 && time.Since(due) > o.Interval {
			continue
		}
		if !sleep(ctx, time.Until(due)) {
			break
		}
		// A tick that was let pass leaves its body unused, but numbers have no
		// gaps: a gap is what shows that an event was lost.
		body := bodies[run.published]
		if documents == nil {
			run.publish(ctx, body)
		} else {
			run.publishAsIs(ctx, body)
		}
	}
	run.await(ctx)
	if documents != nil {
		// Only the samples were waited for, but the bytes of all are counted.
		sleep(ctx, straggling)
	}
	report, err := run.end(o.Detail)
	report.Planned = o.Count
	return report, err
}

// Burst is events as fast as they can be delivered.
type Burst struct {
	Count    int           `json:"count"`    // at most; 0 stands for the most there can be
	Duration time.Duration `json:"duration"` // at most
	Window   int           `json:"window"`   // events that may be under way
	Size     int           `json:"size"`
}

// Burst publishes back to back, but never has more than Window events under way
// that somebody has not read yet: what is measured is delivering, not queueing.
func (d *Driver) Burst(ctx context.Context, o Burst) (Report, error) {
	most := mostEvents
	if o.Count > 0 {
		most = min(o.Count, most)
	}
	run, err := d.begin(most, nil)
	if err != nil {
		return Report{}, err
	}
	start := time.Now()
	for run.published < most && time.Since(start) < o.Duration && ctx.Err() == nil {
		run.reserve(ctx, o.Window)
		run.publish(ctx, payload(d.next, o.Size))
	}
	run.await(ctx)
	report, err := run.end(false)
	report.Planned = report.Published + report.Refused
	return report, err
}

// run is a phase seen by the publisher.
type run struct {
	*Driver
	phase       *phase
	published   int
	refused     int
	outstanding int
	answers     stat.Histogram
	failure     error
}

func (d *Driver) begin(most int, documents [][]byte) (*run, error) {
	d.publisher.Rest()
	p, err := d.fleet.begin(d.next, most, documents)
	if err != nil {
		return nil, err
	}
	return &run{Driver: d, phase: p}, nil
}

func (r *run) publish(ctx context.Context, body []byte) {
	r.phase.sent[r.published].Store(stamp(body, r.next))
	r.post(ctx, body)
}

func (r *run) publishAsIs(ctx context.Context, body []byte) {
	r.phase.sent[r.published].Store(clock.Now())
	r.post(ctx, body)
}

func (r *run) post(ctx context.Context, body []byte) {
	before := clock.Now()
	err := r.publisher.Publish(ctx, body)
	r.answers.Add(clock.Now() - before)
	if err != nil {
		// Without an answer it is unknown whether the event was taken. Its
		// number is free again only when it surely was not.
		r.refused++
		r.failure = err
		if _, ok := errors.AsType[*refusal](err); ok {
			return
		}
	}
	r.published++
	r.next++
	r.outstanding++
}

// reserve waits until fewer than window events are under way.
func (r *run) reserve(ctx context.Context, window int) {
	going := true
	for going && r.outstanding >= window {
		going = r.wait(ctx, unanswered)
	}
}

// await waits until all events have come to all clients.
func (r *run) await(ctx context.Context) {
	going := true
	for going && r.outstanding > 0 {
		going = r.wait(ctx, patience)
	}
}

// wait waits for the next event that everybody has got. When none comes for so
// long, it gives up on all that are under way, and returns false.
func (r *run) wait(ctx context.Context, long time.Duration) bool {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-r.phase.completed:
		r.outstanding = max(r.outstanding-1, 0) // it may be one that was given up
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	r.outstanding = 0
	return false
}

func (r *run) end(detail bool) (Report, error) {
	report, err := r.fleet.end(r.published, detail)
	report.Refused = r.refused
	report.Answer = orMinus(r.answers.Quantile(0.5) / millisecond)
	if err == nil && r.published == 0 {
		err = r.failure
	}
	return report, err
}

// sleep returns false when ctx has ended before d has passed.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

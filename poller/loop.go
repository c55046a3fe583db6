package poller

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/internal/backoff"
)

// loop polls one stream. Its fields belong to the goroutine of run, except for the
// record and the schedule. After run has ended they belong to the goroutine that
// waited for done.
type loop struct {
	stream    Stream
	publisher Publisher
	demand    hub.Demand
	newest    func(stream string) *hub.Event // nil: clients have no document
	toldOf    func(stream string) hub.Status // nil: clients know no state
	lease     Lease                          // nil: no other node polls the stream
	position  func() hub.ID                  // with a lease
	moved     func(stream string)            // nil: nobody wants to know
	elsewhere func(changes []hub.KeyChange)  // nil: nobody wants to know
	trace     Trace
	logger    *slog.Logger
	backoff   *backoff.Backoff
	random    func() float64 // in [0, 1)
	timer     *time.Timer

	keys *keyring // polls the keys; nil if the stream has none
	following

	after  *loop         // the loop that it replaces; nil if none
	cancel func()        // ends run; the poller's
	done   chan struct{} // closed when run has ended
	poked  chan struct{} // holds a value after schedule.asked has changed

	since     Version           // of the newest reading that clients have
	bodyHash  [sha256.Size]byte // of the body of that reading
	published []byte            // the newest document that clients have; nil if unknown
	leading
	publishedID hub.ID // of that document, with a lease
	trust       trust  // in "unchanged", as an answer to since
	outage      outage
	patience    patience
	notice      notice
	ttl         ttl       // of the newest document that was a success
	idle        bool      // no client listens
	left        time.Time // when the last client was seen to have left; zero if a client listens

	told          hub.State // the state that clients were told; "" if unknown
	retryStatusAt time.Time // when a status that was not published may be tried again; zero if none

	// These are guarded by the lock of the record. A loop that replaces another one
	// goes on with its record.
	record   *record
	schedule schedule
}

func newLoop(stream Stream, demand hub.Demand, limiter *limiter, opts Options) *loop {
	l := &loop{
		stream:    stream,
		publisher: opts.Publisher,
		newest:    opts.Newest,
		toldOf:    opts.Told,
		lease:     opts.Lease,
		position:  opts.Position,
		moved:     opts.Moved,
		elsewhere: opts.Elsewhere,
		demand:    demand,
		trace:     opts.Trace,
		logger:    loggerOf(opts.Logger, stream),
		backoff:   backoff.New(stream.Every, maxBackoff, opts.Rand),
		random:    opts.Rand,
		done:      make(chan struct{}),
		poked:     make(chan struct{}, 1),
		told:      hub.Live,
		trust:     trust{never: stream.Unconditional, every: stream.Revalidate},
		schedule:  schedule{every: stream.Every, phase: phase(stream.Name, min(stream.Every, opts.Spread))},
		record: &record{
			fresh:  freshness{every: stream.Every},
			status: hub.Upstream{Name: stream.Name, Every: stream.Every},
			source: stream.source(),
		},
	}
	if stream.TellFirst {
		l.told = ""
	}
	if stream.Keys != nil {
		l.keys = newKeyring(l, limiter)
	}
	return l
}

// loggerOf returns the logger of a stream, whose lines name the stream and its
// upstream.
func loggerOf(logger *slog.Logger, stream Stream) *slog.Logger {
	logger = logger.With("stream", stream.Name)
	if stream.Upstream != "" {
		logger = logger.With("upstream", stream.Upstream)
	}
	return logger
}

// run polls until ctx ends.
func (l *loop) run(ctx context.Context) {
	if l.after != nil {
		<-l.after.done
		l.inherit(l.after)
		l.after = nil
	} else if l.keys == nil {
		l.recall()
	}
	switch {
	case l.keys != nil:
		l.keys.run(ctx)
	case l.lease != nil:
		l.lead(ctx)
	default:
		l.work(ctx)
	}
	l.note(l.schedule.end)
}

// work polls until ctx ends or another node wants the lease.
func (l *loop) work(ctx context.Context) {
	attempt := l.attempt
	if l.stream.Feed != nil {
		attempt = l.connect
	}
	l.begin()
	for l.wait(ctx) {
		attempt(ctx)
		l.save()
	}
}

// recall notes what clients know of the stream from earlier than this poller.
func (l *loop) recall() {
	if l.newest != nil {
		if event := l.newest(l.stream.Name); event != nil {
			l.published, l.publishedID = event.Data(), event.ID()
		}
	}
	if l.toldOf == nil {
		return
	}
	if state := l.toldOf(l.stream.Name).State; state != "" {
		l.told = state
	}
}

// inherit takes over what clients know of the stream from a loop that has ended. The
// version of the document is not taken over: the new loop may ask another upstream.
func (l *loop) inherit(old *loop) {
	l.published, l.told = old.published, old.told
	if l.stream.Feed != nil && old.stream.Feed != nil && l.stream.Feed.Origin() == old.stream.Feed.Origin() {
		l.following = old.following
	}
	l.note(func() {
		l.record.follow(l.stream.source())
		if l.keys == nil {
			l.record.keys, l.record.wishes, l.record.polls = nil, nil, nil
			l.record.status.Keys, l.record.status.Watched, l.record.status.Absent = 0, 0, 0
		}
	})
	if l.stream.Upstream != "" && l.stream.Upstream == old.stream.Upstream {
		l.note(func() { l.schedule.notBefore = old.schedule.notBefore })
	}
}

// replace makes l, which has not started, the successor of old, which may still
// run: l starts when old has ended. Counters and freshness go on at once.
func (l *loop) replace(old *loop) {
	l.after, l.record = old, old.record
	l.note(func() {
		l.record.fresh.adopt(time.Now(), l.stream.Every)
		l.record.status.Every = l.stream.Every
	})
}

// begin plans the first fetch, unless the stream is idle.
func (l *loop) begin() {
	l.idle = l.stream.OnDemand && l.demand.Listeners() == 0
	now := time.Now()
	l.note(func() {
		switch {
		case !l.resumed:
			l.schedule.start(now)
		case l.idle:
			l.schedule.suspend()
			l.record.fresh.suspend(now)
			return
		default:
			if l.schedule.idle = false; l.record.fresh.idle {
				l.record.fresh.resume(l.schedule.due)
			}
			return
		}
		if l.idle {
			l.schedule.suspend()
			l.record.fresh.begin(now, time.Time{})
		} else {
			l.record.fresh.begin(now, l.schedule.due)
		}
	})
}

// wait returns true when a fetch is due, or false as soon as ctx has ended. In the
// meantime it publishes changes of the state, and watches the demand.
func (l *loop) wait(ctx context.Context) bool {
	for ctx.Err() == nil && !l.isOver() {
		changed, until := l.attend()
		wake := earliest(until, l.tell(ctx))
		now := time.Now()
		l.record.Lock()
		next := l.schedule.next()
		l.record.Unlock()
		if reached(next, now) {
			return ctx.Err() == nil && !l.isOver()
		}
		select {
		case <-l.sleep(earliest(wake, next), now):
		case <-l.poked:
		case <-changed:
			l.left = time.Time{} // a client that left just now was here until just now
		case <-l.wanted():
		case <-ctx.Done():
		}
	}
	return false
}

// sleep returns a channel that receives at the given time; nil if that is zero. It
// ends the previous sleep.
func (l *loop) sleep(until, now time.Time) <-chan time.Time {
	switch {
	case until.IsZero():
		return nil
	case l.timer == nil:
		l.timer = time.NewTimer(until.Sub(now))
	default:
		l.timer.Reset(until.Sub(now))
	}
	return l.timer.C
}

// status returns what is known now.
func (l *loop) status() hub.Upstream {
	now := time.Now()
	l.record.Lock()
	defer l.record.Unlock()
	if l.lease != nil && !l.record.holds {
		return l.observe(now)
	}
	s := l.record.at(now)
	if l.lease != nil {
		s.Leased, s.Held, s.Node = true, true, l.holders()
	}
	s.Idle = l.schedule.idle
	if l.stream.Feed != nil {
		s.Connected = new(l.record.connected)
	}
	if next := l.schedule.next(); !l.schedule.inFlight && !next.IsZero() {
		s.NextPoll = latest(next, now)
	}
	if l.schedule.notBefore.After(now) {
		s.NotBefore = l.schedule.notBefore
	} else {
		s.NotBeforeReason = ""
	}
	return s
}

// note changes the record and the schedule.
func (l *loop) note(change func()) {
	l.record.Lock()
	defer l.record.Unlock()
	change()
}

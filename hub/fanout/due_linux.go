package fanout

import (
	"math"
	"time"

	"github.com/polluxhub/pollux/hub/fanout/wheel"
)

// The part of a writer's work that is due at a certain time: deadlines, heartbeats, and
// the ends of streams.

// countsTo is the tick at which a writer counts anew. Without that its ticks would overflow, and
// nothing would be due any more: with a heartbeat of 100 ms after 155 days.
const countsTo = 1 << 31

// advance does what is due at a time.
func (w *writer) advance(now time.Time) {
	w.wheel.Advance(w.ticks(now.Sub(w.begin)), w.due)
	if w.wheel.Now() >= w.countsTo {
		w.setBack(w.countsTo / 2 / wheel.Turn * wheel.Turn)
	}
}

// setBack subtracts ticks from all that the writer has noted.
func (w *writer) setBack(by uint32) {
	w.wheel.SetBack(by)
	w.begin = w.begin.Add(time.Duration(by) * w.tick)
	for _, c := range w.clients {
		if c == nil {
			continue
		}
		c.wroteAt, c.deadline = max(c.wroteAt, by)-by, max(c.deadline, by)-by
		if c.endAt != math.MaxUint32 {
			c.endAt = max(c.endAt, by) - by
		}
	}
}

// reschedule has the wheel give the client back at that tick at the latest.
func (w *writer) reschedule(c *Client, at uint32) {
	if at < w.wheel.At(c.slot) {
		w.wheel.Set(c.slot, at)
	}
}

// schedule puts the client into the wheel for the work that is due first.
func (w *writer) schedule(c *Client) {
	due := c.endAt
	if c.pending.isNil() || c.deadline == 0 {
		due = min(due, c.wroteAt+c.silence)
	}
	if c.deadline != 0 {
		due = min(due, w.lookAt(c))
	}
	w.wheel.Set(c.slot, due)
}

// due does the work that is due for the client in a slot, which the wheel gave back.
func (w *writer) due(slot uint32) {
	c, now := w.clients[slot], w.wheel.Now()
	if c.deadline != 0 && (!c.pending.isNil() || now >= c.deadline) {
		w.look(c)
	}
	switch {
	case c.deadline != 0 && now >= c.deadline:
		w.remove(c, ReasonSlow)
		return
	case c.ending() == ReasonExpired && now >= c.endAt:
		w.remove(c, ReasonExpired) // with what the socket did not take
		return
	case c.ending() != "":
		// The stream ends when the socket has taken everything.
	case now >= c.endAt && !c.pending.isNil():
		// The stream must end after a whole frame, so the rest of the present one goes first.
		w.conclude(c, c.endReason())
		c.pending.set(append(c.pending.all(), c.terminator()))
	case now >= c.endAt:
		w.bufs, _ = c.gather(w.bufs[:0], true, nil) // what is ready is still sent
		w.end(c, c.endReason())
	case c.pending.isNil() && now >= c.wroteAt+c.silence:
		w.bufs = append(w.bufs[:0], c.heartbeat().Chunk)
		c.silence = max(w.ticks(w.engine.silence()), 1)
		w.write(c)
	}
	if c.adopted {
		if c.ending() != "" && c.ending() != ReasonExpired {
			c.endAt = math.MaxUint32 // nothing else is due
		}
		w.schedule(c)
	}
}

func (c *Client) endReason() EndReason {
	switch {
	case c.drains:
		return ReasonDrain
	case c.expires:
		return ReasonExpired
	default:
		return ReasonAge
	}
}

// conclude notes why the stream ends. A client whose time is over has little time left to
// read what is pending.
func (w *writer) conclude(c *Client, reason EndReason) {
	c.endsAs(reason)
	if reason == ReasonExpired {
		c.endAt = w.wheel.Now() + max(w.ticks(expiryGrace), 1)
	}
}

// lifetime sets when the stream ends: at the age that the engine draws, or when the time of
// its client is over.
func (w *writer) lifetime(c *Client, expiry uint32) {
	age := time.Since(w.engine.begin) - c.opened
	c.endAt = w.wheel.Now() + max(w.ticks(max(w.engine.age()-age, 0)), 1)
	c.expires = expiry < c.endAt
	c.endAt = min(c.endAt, expiry)
	if w.draining {
		w.drainClient(c)
	}
}

// expiry returns when the time of the client is over.
func (w *writer) expiry(c *Client) uint32 {
	left, ok := c.timeLeft()
	if !ok {
		return math.MaxUint32
	}
	return uint32(roundUp(time.Since(w.begin)+left, w.tick))
}

// review asks until when the clients may stay.
func (w *writer) review() {
	for i, c := range w.clients { // yield may change them; those that it adopts are asked then
		if c != nil && c.adopted {
			w.reviewClient(c)
		}
		if i%yieldAfter == yieldAfter-1 {
			w.yield()
		}
	}
}

func (w *writer) reviewClient(c *Client) {
	if c.until == nil || c.ending() != "" {
		return
	}
	switch at := w.expiry(c); {
	case at < c.endAt:
		c.endAt, c.expires, c.drains = at, true, false
		w.reschedule(c, at)
	case c.expires && !c.drains && at > c.endAt+1: // it may stay for longer; one tick is what rounding makes of the same time
		w.lifetime(c, at)
	}
}

// drain gives every stream a random moment at which it ends.
func (w *writer) drain() {
	w.draining = true
	for _, c := range w.clients {
		if c != nil {
			w.drainClient(c)
			w.reschedule(c, c.endAt)
		}
	}
}

func (w *writer) drainClient(c *Client) {
	at := w.wheel.Now() + w.ticks(w.engine.between(0, w.engine.window))
	if at < c.endAt {
		c.endAt, c.drains = at, true
	}
}

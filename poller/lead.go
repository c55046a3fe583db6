package poller

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// releaseTimeout bounds how long a stream waits until its lease is released.
const releaseTimeout = time.Second

// leading is what a loop has while it holds the lease of its stream. The zero value is that
// of a loop without leases, which always polls.
type leading struct {
	held       Held
	seen       hub.ID // the position up to which the timeline was known when the attempt began
	superseded bool   // another node has published
	resumed    bool   // from what the last holder knew
}

// wanted returns a channel that is closed when another node should hold the lease.
func (l *leading) wanted() <-chan struct{} {
	if l.held == nil {
		return nil
	}
	return l.held.Wanted()
}

// holds reports whether this node may publish.
func (l *leading) holds() bool { return l.held == nil || !l.superseded && l.held.Holds() }

// isOver reports whether another node should poll the stream.
func (l *leading) isOver() bool {
	select {
	case <-l.wanted():
		return true
	default:
		return l.superseded
	}
}

// lead polls the stream whenever this node holds its lease, until ctx ends.
func (l *loop) lead(ctx context.Context) {
	for ctx.Err() == nil {
		held, err := l.lease.Acquire(ctx, l.stream.Name)
		if err != nil {
			if ctx.Err() == nil {
				l.logger.ErrorContext(ctx, "stream not polled", "reason", err.Error())
			}
			return
		}
		l.takeOver(ctx, held)
		l.work(held.Context())
		l.handOver(ctx)
	}
}

// takeOver goes on where the last holder of the lease has stopped.
func (l *loop) takeOver(ctx context.Context, held Held) {
	saved, age := held.Saved()
	now := time.Now()
	last := parseKnown(saved)
	l.leading, l.following = leading{held: held, resumed: last != nil}, following{}
	l.since, l.bodyHash, l.published, l.told = Version{}, [sha256.Size]byte{}, nil, hub.Live
	if l.stream.TellFirst {
		l.told = ""
	}
	l.trust = trust{never: l.stream.Unconditional, every: l.stream.Revalidate}
	l.outage, l.patience, l.left, l.retryStatusAt = outage{}, patience{}, time.Time{}, time.Time{}
	l.backoff.Reset()
	l.recall()
	if last != nil {
		l.adopt(last, now.Add(-age), now)
	}
	l.note(func() { l.record.holds = true })
	if l.moved != nil {
		l.moved(l.stream.Name)
	}
	l.logger.DebugContext(ctx, "lease of the stream taken", "failures", l.outage.failures, "class", l.outage.class)
}

// handOver ends the lease. What this node knows is for the next one, unless it knows less
// than another node.
func (l *loop) handOver(ctx context.Context) {
	if l.superseded {
		l.logger.WarnContext(ctx, "another node has published to the stream, so this one steps down")
	} else {
		l.save()
	}
	l.note(func() {
		l.record.holds = false
		l.schedule.end()
	})
	if l.moved != nil {
		l.moved(l.stream.Name)
	}
	releasing, enough := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer enough()
	if err := l.held.Release(releasing); err != nil {
		l.logger.DebugContext(ctx, "lease of the stream not released, so it runs out", "reason", err.Error())
	}
	l.leading = leading{}
}

// nowhere is the position of a node that does not know the timeline: nothing that it publishes
// is stored.
var nowhere, _ = hub.NewID("0", 0)

// seenNow returns the position up to which this node knows the timeline.
func (l *loop) seenNow() hub.ID {
	if at := l.position(); !at.IsZero() {
		return at
	}
	return nowhere
}

// look notes, before an attempt, how far the timeline is known, and what another node has
// published.
func (l *loop) look() {
	if l.held == nil {
		return
	}
	l.seen = l.seenNow()
	event := l.newest(l.stream.Name)
	switch {
	case event == nil:
		l.published, l.publishedID = nil, hub.ID{}
	case event.ID() != l.publishedID:
		l.published, l.publishedID = event.Data(), event.ID()
		l.bodyHash, l.since = [sha256.Size]byte{}, Version{}
	}
}

// hearTold notes the state that clients were told, perhaps by a node that did not know yet
// that it had lost the lease.
func (l *loop) hearTold() {
	if l.held == nil || l.told == "" {
		return
	}
	if state := l.toldOf(l.stream.Name).State; state != "" {
		l.told = state
	}
}

// stepDown notes that another node has published.
func (l *loop) stepDown() {
	l.superseded = true
	l.note(func() { l.record.status.StepDowns++ })
}

// save keeps what this node knows for the next holder.
func (l *loop) save() {
	if l.held != nil {
		l.held.Save(l.known(time.Now()).text())
	}
}

// holdsLease reports whether this node polls the stream, or a key of it, now. Of a stream with
// keys it reports whether it polls any of them. It may be called from any goroutine.
func (l *loop) holdsLease(name string) bool {
	l.record.Lock()
	defer l.record.Unlock()
	if _, key := hub.SplitName(name); l.lease != nil && l.keys != nil && key != "" {
		return l.record.pollsKey(name)
	}
	return l.lease == nil || l.record.holds
}

// leases returns the names of the leases of the stream.
func (l *loop) leases() (list []string) {
	if l.keys == nil {
		return []string{l.stream.Name}
	}
	for _, g := range l.keys.groups {
		list = append(list, g.lease)
	}
	return list
}

// holders returns the names of the nodes that poll the stream.
func (l *loop) holders() string {
	var nodes []string
	for _, lease := range l.leases() {
		if node, _, _ := l.lease.Observe(lease); node != "" {
			nodes = append(nodes, node)
		}
	}
	slices.Sort(nodes)
	return strings.Join(slices.Compact(nodes), ", ")
}

// observeKey returns what is known of a key that another node polls, as observe.
func (l *loop) observeKey(name string) hub.Upstream {
	s := hub.Upstream{Name: name, Every: l.stream.Every, Status: l.toldOf(name), Leased: true}
	if s.State == "" {
		s.State = hub.Live
	}
	s.Node, _, _ = l.lease.Observe(l.keys.groupOf(name).lease)
	return s
}

// observe returns what is known of a stream that another node polls: its status is that of
// the timeline. It is called under the lock of the record.
func (l *loop) observe(now time.Time) hub.Upstream {
	s := l.record.at(now)
	s.Leased = true
	s.Reason, s.Status = "", l.toldOf(l.stream.Name)
	if s.State == "" {
		s.State = hub.Live
	}
	s.Node = l.holders()
	heard := false
	for _, lease := range l.leases() {
		node, saved, age := l.lease.Observe(lease)
		k := parseKnown(saved)
		if k == nil {
			continue
		}
		at := now.Add(-age)
		s.LastSuccess, s.Idle = latest(s.LastSuccess, k.Success), k.Idle && (s.Idle || !heard)
		s.LastPoll = latest(s.LastPoll, then(k.Begun, at))
		heard = true
		if due := then(k.Due, at); node != "" && due.After(now) {
			s.NextPoll = earliest(s.NextPoll, due)
		}
		if notBefore := then(k.NotBefore, at); notBefore.After(now) {
			s.NotBefore = latest(s.NotBefore, notBefore)
		}
		if s.Since.IsZero() {
			s.Since = k.Live
		}
	}
	return s
}

package pollux

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
)

// statusTimeout bounds the publishing of a status.
const statusTimeout = 5 * time.Second

// publishingTimeout bounds how long SetStreams waits for documents that are being
// published: longer than a caller over HTTP does.
const publishingTimeout = 11 * time.Second

// Change says what SetStreams did, by the names of streams.
type Change struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"` // those that stay, with another Revision
	Removed []string `json:"removed"`
	Kept    int      `json:"kept"` // how many stay as they were
}

// SetStreams replaces the set of streams, before or during Run. After an error the old
// set is in force. Clients of a stream that stays keep their connection. Clients of a
// removed stream get what was published before, also if it waits because of AtMost. Then
// they are told by a last status, and their connection ends if it has no other stream. The
// connection of a client that may not read one of its streams any more, because of the
// Access of that, ends within a second, as one does whose token expires. A stream whose
// Poll has the Revision that it had is not touched by the poller, see [poller.Poller.Set].
//
// SetStreams returns when the loops of removed and of changed streams have ended.
// Calls come one after the other. With Options.Follow it returns ErrFollows.
func (p *Pollux) SetStreams(streams []Stream) (Change, error) {
	if p.leaf != nil {
		return Change{}, ErrFollows
	}
	return p.setStreams(streams, func() {})
}

// SetStreamsAndTokens is SetStreams and SetTokens at once: if the streams or the tokens are
// not valid, neither changes. The tokens come into force right after the streams. A request
// in between is judged by the new streams and the old tokens, and the stream that it opened
// is judged once more when both are in force.
func (p *Pollux) SetStreamsAndTokens(streams []Stream, static []auth.Static) (Change, error) {
	if p.leaf != nil {
		return Change{}, ErrFollows
	}
	use, err := p.prepareTokens(static)
	if err != nil {
		return Change{}, err
	}
	return p.setStreams(streams, use)
}

// setStreams is SetStreams for the streams of an origin too. It calls also when the streams
// are in force.
func (p *Pollux) setStreams(streams []Stream, also func()) (Change, error) {
	p.setting.Lock()
	defer p.setting.Unlock()
	set, err := newStreamSet(streams, p.opts)
	if err != nil {
		return Change{}, err
	}
	old := p.streams.Load()

	// New streams are there before anybody publishes to them, old ones until
	// nobody does any more.
	both := slices.Clone(set.history)
	for _, stream := range old.history {
		if !set.known[stream.Name] {
			both = append(both, stream)
		}
	}
	if err := p.hub.SetStreams(both); err != nil {
		return Change{}, err
	}
	p.endPublishing(old, set)
	polled, err := p.poller.Set(set.polled)
	if err != nil {
		p.replaceStreams(old.polledBy(old))
		return Change{}, errors.Join(err, p.hub.SetStreams(old.history))
	}
	left := p.replaceStreams(set)
	if p.here != nil {
		p.here.demand.renew()
	}
	also()
	isRemoved := func(name string) bool { return !set.known[name] }
	if slices.ContainsFunc(old.names, isRemoved) {
		p.publishWaiting(left, flushTimeout, isRemoved)
	}
	if err := p.hub.SetStreams(set.history); err != nil { // the names were good a moment ago
		p.log.Error("removed streams stay", "error", err)
	}
	if p.tokens != nil {
		p.engine.Review()
	}
	for _, name := range polled.Removed {
		if set.known[name] {
			p.pushOnly(name)
		}
	}
	p.limits.warn(set.connections(), p.log)
	return set.changeFrom(old), nil
}

// endPublishing refuses documents for the streams that next polls, and returns when those
// that were taken before are published: a document that came after one of the poller would
// be the newest for ever, because the poller does not know of it. What cannot be published in
// time is dropped, see unpolled.
func (p *Pollux) endPublishing(old, next *streamSet) {
	p.publishWaiting(p.replaceStreams(old.polledBy(next)), publishingTimeout, func(name string) bool { return next.sources[name] })
}

// publishWaiting waits for those who publish to a set that is not in force any more, and
// publishes what waits of some streams because of AtMost.
func (p *Pollux) publishWaiting(left <-chan struct{}, timeout time.Duration, isMeant func(stream string) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	select {
	case <-left:
	case <-ctx.Done():
	}
	if err := p.latest.FlushStreams(ctx, isMeant); err != nil {
		p.log.Warn("documents that waited are not published", "error", err)
	}
}

// replaceStreams puts a set in force. The channel is closed when nobody publishes any more
// who has looked at the one before.
func (p *Pollux) replaceStreams(set *streamSet) <-chan struct{} {
	return p.streams.Swap(set).gate.close()
}

// changeFrom says how a set differs from the one before.
func (set *streamSet) changeFrom(old *streamSet) Change {
	change := Change{Added: []string{}, Changed: []string{}, Removed: []string{}}
	for _, name := range set.names {
		switch {
		case !old.known[name]:
			change.Added = append(change.Added, name)
		case set.isKept(name, old):
			change.Kept++
		default:
			change.Changed = append(change.Changed, name)
		}
	}
	for _, name := range old.names {
		if !set.known[name] {
			change.Removed = append(change.Removed, name)
		}
	}
	return change
}

// pushOnly tells clients that a stream which was polled is live, or each of its keys: it
// is only published to now, so nothing else would ever tell them that it is not stale any
// more.
func (p *Pollux) pushOnly(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	names := []string{name}
	if demand, err := p.hub.Keys(name); err == nil {
		names = nil
		for _, key := range demand.Changes(nil) {
			names = append(names, key.Name)
		}
	}
	live := make([]hub.Message, len(names))
	for i, name := range names {
		live[i] = hub.Message{Stream: name, Status: &hub.Status{State: hub.Live, Since: time.Now()}, State: true}
	}
	if _, err := p.hub.PublishAll(ctx, live); err != nil {
		p.log.Warn("status not published", "stream", name, "error", err)
	}
}

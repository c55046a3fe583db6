package poller

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// known is what the holder of a lease hands over to the next one, as JSON. A reader ignores
// members that it does not know, and does without those that are missing, so that nodes of
// different versions can hand over to each other.
//
// Nodes have different clocks. So times are in milliseconds from when it was saved, and
// negative before that; only what clients are shown are times of the clock.
type known struct {
	Upstream string `json:"upstream,omitempty"` // a hash of its name

	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
	Document     string `json:"document,omitempty"` // a hash of the document that they belong to
	Hidden       bool   `json:"hidden,omitempty"`   // the upstream is not believed when it says "unchanged"

	LastEventID string `json:"lastEventId,omitempty"` // of a Feed
	Origin      string `json:"origin,omitempty"`      // a hash of the name of its origin

	Begun     *int64 `json:"begun,omitempty"` // the newest fetch
	Due       *int64 `json:"due,omitempty"`   // the next tick
	NotBefore *int64 `json:"notBefore,omitempty"`

	Failures int       `json:"failures,omitempty"` // in a row
	Class    string    `json:"class,omitempty"`    // of the newest
	Outage   time.Time `json:"outage,omitzero"`    // when the first one was

	Success time.Time `json:"success,omitzero"`
	Live    time.Time `json:"live,omitzero"` // when the stream became live, if it is
	Idle    bool      `json:"idle,omitempty"`
	Fresh   *int64    `json:"fresh,omitempty"` // from when on missed intervals count
	Resumed *int64    `json:"resumed,omitempty"`
	Failed  *int64    `json:"failed,omitempty"`
	Stale   *int64    `json:"stale,omitempty"`
	Down    *int64    `json:"down,omitempty"`
}

// parseKnown returns what a text says, or nil.
func parseKnown(text []byte) *known {
	k := new(known)
	if len(text) == 0 || json.Unmarshal(text, k) != nil || !hub.IsErrorClass(k.Class) && k.Class != "" {
		return nil
	}
	return k
}

func (k *known) text() []byte {
	text, err := json.Marshal(k)
	if err != nil {
		panic("poller: " + err.Error()) // times are those of clocks
	}
	return text
}

// known returns what this node knows now.
func (l *loop) known(now time.Time) *known {
	l.record.Lock()
	defer l.record.Unlock()
	f, s := &l.record.fresh, &l.schedule
	k := &known{
		Upstream: hashOf([]byte(l.stream.Upstream)),
		Hidden:   l.trust.never && !l.stream.Unconditional,
		Begun:    away(s.begun, now), Due: away(s.due, now), NotBefore: away(s.notBefore, now),
		Failures: l.outage.failures, Class: l.outage.class, Outage: clock(l.outage.began),
		Success: clock(f.success), Live: clock(f.live), Idle: f.idle,
		Fresh: away(f.due, now), Resumed: away(f.resumed, now), Failed: away(f.failed, now), Stale: away(f.stale, now), Down: away(f.down, now),
	}
	if l.keys != nil {
		k.NotBefore = away(l.keys.limiter.next(), now)
	}
	if l.stream.Feed != nil {
		k.LastEventID, k.Origin = l.lastID, hashOf([]byte(l.stream.Feed.Origin()))
	}
	if l.published != nil && l.since != (Version{}) {
		k.ETag, k.LastModified, k.Document = l.since.ETag, l.since.LastModified, hashOf(l.published)
	}
	return k
}

// adopt takes over what another node knew at a time.
func (l *loop) adopt(k *known, at, now time.Time) {
	sameUpstream := k.Upstream == hashOf([]byte(l.stream.Upstream))
	if sameUpstream {
		l.trust.never = l.trust.never || k.Hidden
		if l.published != nil && k.Document == hashOf(l.published) {
			l.since = Version{ETag: k.ETag, LastModified: k.LastModified}
		}
	}
	if l.stream.Feed != nil && k.Origin == hashOf([]byte(l.stream.Feed.Origin())) {
		l.lastID = k.LastEventID
	}
	l.outage = outage{failures: max(0, k.Failures), class: k.Class, began: k.Outage}
	l.backoff.Restore(l.outage.failures)
	if l.outage.failures == 0 {
		l.outage = outage{}
	}
	l.note(func() {
		s := &l.schedule
		s.begun, s.notBefore = atMost(then(k.Begun, at), now), time.Time{}
		if sameUpstream {
			s.notBefore = atMost(then(k.NotBefore, at), now.Add(l.stream.MaxWait))
		}
		s.takeUp(now, then(k.Due, at))
		l.record.fresh = freshness{
			every: l.stream.Every, success: k.Success, live: k.Live, idle: k.Idle,
			due: then(k.Fresh, at), resumed: then(k.Resumed, at), failed: then(k.Failed, at), stale: then(k.Stale, at), down: then(k.Down, at),
		}
		if l.outage.failures > 0 {
			l.record.status.Error = l.outage.class
		}
	})
	if overdue := l.schedule.due.Before(now.Add(l.stream.Timeout)); overdue {
		l.retryStatusAt = now.Add(l.stream.Timeout) // the state is told behind the fetch
	}
}

// away returns how far a time is from now in milliseconds; nil for none.
func away(at, now time.Time) *int64 {
	if at.IsZero() {
		return nil
	}
	return new(at.Sub(now).Round(time.Millisecond).Milliseconds())
}

// then is the inverse of away. What is further away than a week counts as that.
func then(away *int64, now time.Time) time.Time {
	if away == nil {
		return time.Time{}
	}
	const most = int64(MaxMaxWait / time.Millisecond)
	return now.Add(time.Duration(min(max(*away, -most), most)) * time.Millisecond)
}

// atMost returns a time, or the other one if that is earlier.
func atMost(at, most time.Time) time.Time {
	if at.After(most) {
		return most
	}
	return at
}

// clock returns a time as clients are shown it.
func clock(at time.Time) time.Time { return at.Round(0).UTC() }

// hashOf returns a short hash of a text; "" for an empty one.
func hashOf(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

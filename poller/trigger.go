package poller

import (
	"time"

	"github.com/polluxhub/pollux/hub"
)

// pollNow plans a fetch that begins after this call, and returns when. It may be
// called from any goroutine.
func (l *loop) pollNow() (at time.Time) {
	now := time.Now()
	l.note(func() {
		l.record.status.Asked++
		at = l.schedule.ask(now)
	})
	select {
	case l.poked <- struct{}{}:
	default: // the loop has not seen the previous call yet
	}
	return at
}

// pollNow plans a request for a key that begins after this call, and returns when; false
// if there is no such key. It may be called from any goroutine.
func (r *keyring) pollNow(name string) (at time.Time, found bool) {
	now := time.Now()
	r.note(func() {
		k := r.record.keys[name]
		if k == nil || k.gone {
			return
		}
		r.record.status.Asked++
		at, found = r.wish(k, now), true
	})
	return latest(at, r.limiter.next()), found
}

// refresh plans one request for a key that nobody has listened to, if its last request
// is at least an interval old. It may be called from any goroutine.
func (r *keyring) refresh(name string) {
	now := time.Now()
	r.note(func() {
		k := r.record.keys[name]
		if k == nil || k.gone || k.joined || k.inFlight || k.queue != nil || now.Before(k.asked.Add(r.stream.Every)) {
			return
		}
		if _, absent := r.absences.of(name, now); absent {
			return
		}
		r.wish(k, now.Add(-Debounce))
	})
}

// wish has the keyring plan a request for a key that somebody asks for now, and returns
// when it is due. It is called under the lock of the record.
func (r *keyring) wish(k *watchedKey, now time.Time) time.Time {
	due := now.Add(Debounce)
	if !k.wished {
		k.wished = true
		r.record.wishes = append(r.record.wishes, wish{k, due})
	}
	select {
	case r.poked <- struct{}{}:
	default: // the keyring has not seen the previous call yet
	}
	return r.polite(k, due)
}

// statusOf returns what is known of a key; false if there is no such key.
func (r *keyring) statusOf(name string) (hub.Upstream, bool) {
	now := time.Now()
	r.record.Lock()
	defer r.record.Unlock()
	if r.groups != nil && !r.record.pollsKey(name) {
		return r.observeKey(name), true
	}
	k := r.record.keys[name]
	if k == nil || k.gone {
		return hub.Upstream{}, false
	}
	status := hub.Upstream{
		Name: name, Every: r.stream.Every, Status: k.status(now, r.limited), LastPoll: k.asked,
		Idle: !k.inFlight && k.queue == nil,
	}
	if k.queue != nil {
		status.NextPoll = latest(k.queue.expected(k, now), latest(r.limiter.next(), now))
	}
	if notBefore := r.schedule.notBefore; notBefore.After(now) {
		status.NotBefore, status.NotBeforeReason = notBefore, r.record.status.NotBeforeReason
	}
	return status, true
}

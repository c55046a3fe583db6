package poller

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var ringStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestRingProperties has keys come, go, succeed, fail, get and lose clients, and be
// wanted at once at random, and asks when the ring says so, or late.
func TestRingProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.SampledFrom([]int64{1e6, 3e8, 2e9, 60e9}).Draw(t, "every"))
		batch := rapid.SampledFrom([]int{1, 2, 7, 100}).Draw(t, "batch")
		r := newRing(every, batch)
		now := ringStart
		var all []*watchedKey
		flying := map[*watchedKey]bool{}
		type request struct {
			departure
			began, end time.Time
		}
		var requests []request
		span := func(most time.Duration, label string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, label))
		}
		pick := func(label string) *watchedKey { return all[rapid.IntRange(0, len(all)-1).Draw(t, label)] }
		add := func(n int) {
			for range n {
				k := &watchedKey{name: fmt.Sprint("k", len(all))}
				k.sound, k.watched = rapid.Bool().Draw(t, "sound"), rapid.Bool().Draw(t, "watched")
				all = append(all, k)
				switch {
				case rapid.Bool().Draw(t, "urgent"):
					r.soon(k, now)
				case k.sound:
					r.enter(k, now, now.Add(span(every, "by")))
				default:
					r.afterwards(k, now.Add(span(every, "due")))
				}
			}
		}
		take := func() {
			allowed := rapid.IntRange(proven, visited).Draw(t, "allowed")
			next := r.next(now, allowed)
			d := r.take(now, allowed)
			if due := reached(next, now); due != (len(d.keys) > 0) {
				t.Fatalf("next is %v from now, but %d keys are taken", next.Sub(now), len(d.keys))
			}
			if len(d.keys) == 0 {
				return
			}
			if len(d.keys) > batch {
				t.Fatalf("%d keys in a request for %d", len(d.keys), batch)
			}
			if d.lane == rest && allowed < visited || d.lane == first && rank(d.keys[0]) > allowed {
				t.Fatal("a request that was not allowed")
			}
			early := time.Duration(0)
			if d.kind == sound && !d.place.IsZero() && batch > 1 {
				early = every
			}
			for _, k := range d.keys {
				if flying[k] {
					t.Fatalf("%s is asked twice at once", k.name)
				}
				if k.kind() != d.kind {
					t.Fatal("sound and doubtful keys in one request")
				}
				if now.Before(k.due.Add(-early)) {
					t.Fatalf("%s is asked %v early", k.name, k.due.Sub(now))
				}
				flying[k] = true
			}
			if d.place.After(now) {
				t.Fatal("a place in the future")
			}
			requests = append(requests, request{d, now, now.Add(span(every, "takes"))})
		}
		land := func(i int) {
			q := requests[i]
			requests = append(requests[:i], requests[i+1:]...)
			if !q.place.IsZero() {
				r.landed(q.kind, len(q.keys))
			}
			failed := rapid.Bool().Draw(t, "failed")
			for _, k := range q.keys {
				delete(flying, k)
				k.sound = !failed
				switch {
				case failed:
					r.afterwards(k, now.Add(every+span(3*every, "backoff")))
				case q.place.IsZero() || q.kind == doubtful:
					r.enter(k, now, q.began.Add(every))
				default:
					r.keep(k, q.place.Add(every))
				}
			}
		}
		add(rapid.IntRange(0, 20).Draw(t, "keys at first"))
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch what := rapid.IntRange(0, 8).Draw(t, "what"); {
			case what == 0:
				add(rapid.IntRange(1, 5).Draw(t, "new keys"))
			case what == 1 && len(all) > 0:
				i := rapid.IntRange(0, len(all)-1).Draw(t, "removed")
				if k := all[i]; !flying[k] {
					r.remove(k)
					if k.queue != nil {
						t.Fatal("removed, and waits")
					}
					all = append(all[:i], all[i+1:]...)
				}
			case what == 2 && len(all) > 0:
				if k := pick("wanted"); !flying[k] {
					r.soon(k, now.Add(span(every, "when")))
				}
			case what == 3 && len(all) > 0:
				k := pick("turned")
				k.watched = !k.watched
				r.sort(k, now)
			case what == 4 && len(requests) > 0:
				i := rapid.IntRange(0, len(requests)-1).Draw(t, "landed")
				now = latest(now, requests[i].end)
				land(i)
			case what == 5:
				now = now.Add(span(every/4, "passes"))
			case what > 5:
				if next := r.next(now, visited); !next.IsZero() && rapid.Bool().Draw(t, "in time") {
					now = latest(now, next)
				}
				take()
			}
		}
		for range all { // nobody is forgotten
			if len(requests) > 0 {
				land(0)
			}
		}
		placed := 0
		for _, k := range all {
			if !flying[k] && k.queue == nil {
				t.Fatalf("%s waits for nothing", k.name)
			}
		}
		for _, keys := range r.places.cells {
			placed += keys
		}
		if placed != len(r.watched)+len(r.lingering) || r.flying != [kinds]int{} {
			t.Fatalf("%d places for %d and %d keys, and %v in flight", placed, len(r.watched), len(r.lingering), r.flying)
		}
	})
}

// TestRingKeepsTheInterval asks in time, always, and has every answer come at once, while
// keys come, in crowds as well, go, fail, and lose their clients. Every key with a client
// that had an answer is asked again within an interval.
func TestRingKeepsTheInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := 2 * time.Second
		batch := rapid.SampledFrom([]int{1, 3, 10}).Draw(t, "batch")
		r := newRing(every, batch)
		var all []*watchedKey
		healthy := map[*watchedKey]time.Time{} // since when, or when it was last asked
		now, requests, most := ringStart, 0, 0
		ask := func(until time.Time) {
			for {
				next := r.next(now, visited)
				if next.IsZero() || next.After(until) {
					now = until
					return
				}
				now = latest(now, next)
				d := r.take(now, visited)
				if !d.place.IsZero() {
					r.landed(d.kind, len(d.keys))
					requests++
				}
				fails := d.lane != again && rapid.Bool().Draw(t, "fails") || rapid.IntRange(0, 9).Draw(t, "breaks") == 0
				for _, k := range d.keys {
					if since, found := healthy[k]; found && k.watched && now.Sub(since) > every {
						t.Fatalf("asked again after %v", now.Sub(since))
					}
					delete(healthy, k)
					k.sound = !fails
					switch {
					case fails:
						r.afterwards(k, now.Add(every*time.Duration(rapid.IntRange(1, 3).Draw(t, "backoff"))))
						continue
					case d.place.IsZero() || d.kind == doubtful:
						r.enter(k, now, now.Add(every))
					default:
						r.keep(k, d.place.Add(every))
					}
					healthy[k] = now
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			for range rapid.IntRange(0, 40).Draw(t, "new keys") {
				k := &watchedKey{name: fmt.Sprint(len(all)), watched: rapid.IntRange(0, 3).Draw(t, "watched") > 0}
				all = append(all, k)
				r.soon(k, now)
			}
			for range min(len(all), rapid.IntRange(0, 10).Draw(t, "old keys")) {
				i := rapid.IntRange(0, len(all)-1).Draw(t, "old")
				if k := all[i]; rapid.Bool().Draw(t, "ends") {
					r.remove(k)
					delete(healthy, k)
					all = append(all[:i], all[i+1:]...)
				} else {
					k.watched = !k.watched
					r.sort(k, now)
				}
			}
			most = max(most, len(all))
			ask(now.Add(time.Duration(rapid.Int64Range(0, int64(every)).Draw(t, "passes"))))
		}
		ask(now.Add(every))
		for k, since := range healthy {
			if k.watched && now.Sub(since) > every {
				t.Fatalf("%s has not been asked for %v", k.name, now.Sub(since))
			}
		}
	})
}

// TestRingHasNoMoreRequestsThanNeeded has keys come one by one and in crowds, and go.
func TestRingHasNoMoreRequestsThanNeeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := 2 * time.Second
		batch := rapid.SampledFrom([]int{1, 3, 10, 100}).Draw(t, "batch")
		r := newRing(every, batch)
		var all []*watchedKey
		now := ringStart
		ask := func(until time.Time) (requests int) {
			for next := r.next(now, visited); !next.IsZero() && !next.After(until); next = r.next(now, visited) {
				now = latest(now, next)
				d := r.take(now, visited)
				requests++
				if !d.place.IsZero() {
					r.landed(d.kind, len(d.keys))
				}
				for _, k := range d.keys {
					k.sound = true
					if d.place.IsZero() {
						r.enter(k, now, now.Add(every))
					} else {
						r.keep(k, d.place.Add(every))
					}
				}
			}
			now = until
			return requests
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			for range rapid.IntRange(0, 60).Draw(t, "new keys") {
				k := &watchedKey{name: fmt.Sprint(len(all)), watched: true}
				all = append(all, k)
				r.soon(k, now)
			}
			for range min(len(all), rapid.IntRange(0, 20).Draw(t, "old keys")) {
				i := rapid.IntRange(0, len(all)-1).Draw(t, "old")
				r.remove(all[i])
				all = append(all[:i], all[i+1:]...)
			}
			ask(now.Add(time.Duration(rapid.Int64Range(0, int64(every)).Draw(t, "passes"))))
		}
		ask(now.Add(5 * every))
		needed := (len(all) + batch - 1) / batch
		if got := ask(now.Add(10 * every)); got > 10*needed+10*needed/2+10 {
			t.Fatalf("%d requests in ten intervals, %d keys and %d in a request", got, len(all), batch)
		}
	})
}

// TestCrowdIsSpread has two hundred keys come at once to a hundred others: those are
// asked as before, and the new ones spread over the interval.
func TestCrowdIsSpread(t *testing.T) {
	every := time.Second
	r := newRing(every, 1)
	now := ringStart
	ask := func(until time.Time, note func(k *watchedKey)) {
		for next := r.next(now, visited); !next.After(until); next = r.next(now, visited) {
			now = latest(now, next)
			d := r.take(now, visited)
			k := d.keys[0]
			k.sound = true
			note(k)
			if d.place.IsZero() {
				r.enter(k, now, now.Add(every))
			} else {
				r.landed(sound, 1)
				r.keep(k, d.place.Add(every))
			}
		}
		now = until
	}
	come := func(n int) {
		for range n {
			k := &watchedKey{watched: true}
			r.soon(k, now)
		}
	}
	come(100)
	ask(now.Add(3*every), func(*watchedKey) {})
	come(200)
	firsts := map[*watchedKey]bool{}
	ask(now, func(k *watchedKey) { firsts[k] = true })
	if len(firsts) < 200 {
		t.Errorf("%d first requests at once", len(firsts))
	}
	most, last := 0, time.Time{}
	var within []time.Time
	ask(now.Add(every), func(*watchedKey) {
		within = append(within, now)
		for now.Sub(within[0]) > every/10 {
			within = within[1:]
		}
		most = max(most, len(within))
		last = now
	})
	if most > 80 || last.IsZero() {
		t.Errorf("%d of 300 requests within a tenth of the interval", most)
	}
}

// TestLateKeysAreSpread has nobody ask for an hour: then everything is asked within an
// interval, but not at once, and is spread over the interval afterwards.
func TestLateKeysAreSpread(t *testing.T) {
	every := time.Second
	r := newRing(every, 1)
	now := ringStart
	for range 100 {
		k := &watchedKey{watched: true}
		k.sound = true
		r.enter(k, now, now.Add(every))
	}
	now = now.Add(time.Hour)
	from, n, dropped := now, 0, uint64(0)
	for next := r.next(now, visited); now.Sub(from) < 3*every; next = r.next(now, visited) {
		now = latest(now, next)
		d := r.take(now, visited)
		r.landed(sound, len(d.keys))
		for _, k := range d.keys {
			r.keep(k, d.place.Add(every))
		}
		n += len(d.keys)
		dropped += d.dropped
		if n > 2+int(now.Sub(from)*200/every) {
			t.Fatalf("%d requests within %v", n, now.Sub(from))
		}
	}
	if n < 300 || n > 350 {
		t.Errorf("%d requests in three intervals, of a hundred keys", n)
	}
	if dropped < 100*3590 || dropped > 100*3601 {
		t.Errorf("%d intervals dropped in an hour, of a hundred keys", dropped)
	}
}

// TestKeysThatComeBackDelayNoOther has keys that nobody listens to be late, because other
// requests take too long, and then get clients, all at once.
func TestKeysThatComeBackDelayNoOther(t *testing.T) {
	every := time.Second
	r := newRing(every, 1)
	now := ringStart
	var all []*watchedKey
	for i := range 200 {
		k := &watchedKey{watched: i%2 == 0}
		k.sound = true
		all = append(all, k)
		r.enter(k, now, now.Add(every))
	}
	ask := func(until time.Time, allowed int) {
		for next := r.next(now, allowed); !next.IsZero() && !next.After(until); next = r.next(now, allowed) {
			now = latest(now, next)
			d := r.take(now, allowed)
			for _, k := range d.keys {
				if late := now.Sub(k.due); d.lane == again && late > 0 {
					t.Fatalf("%v late", late)
				}
				if d.place.IsZero() {
					r.enter(k, now, now.Add(every))
				} else {
					r.landed(sound, 1)
					r.keep(k, d.place.Add(every))
				}
			}
		}
		now = until
	}
	ask(now.Add(3*every), awaited)
	for _, k := range all {
		k.watched = true
		r.sort(k, now)
	}
	ask(now.Add(3*every), awaited)
}

// TestLanesTakeTurns has more wait in each lane than is asked.
func TestLanesTakeTurns(t *testing.T) {
	now := ringStart
	r := newRing(time.Second, 1)
	for range 1000 {
		known := &watchedKey{watched: true}
		known.sound = true
		r.keep(known, now)
		r.soon(&watchedKey{watched: true}, now)
		r.afterwards(&watchedKey{watched: true}, now)
	}
	var got [lanes]int
	for range 800 {
		now = now.Add(time.Minute)
		got[r.take(now, visited).lane]++
	}
	if want := [lanes]int{525, 175, 100}; got != want {
		t.Errorf("%v requests of the lanes, want %v", got, want)
	}
}

func TestUrgentKeysGather(t *testing.T) {
	now := ringStart
	r := newRing(time.Second, 3)
	keys := make([]*watchedKey, 4)
	for i := range keys {
		keys[i] = &watchedKey{name: fmt.Sprint(i)}
	}
	r.soon(keys[0], now)
	r.soon(keys[1], now.Add(gather/2))
	if next := r.next(now, visited); !next.Equal(now.Add(gather / 2)) { // when the second one comes
		t.Errorf("next %v later", next.Sub(now))
	}
	if got := r.take(now.Add(gather-1), visited); len(got.keys) != 0 {
		t.Errorf("%d keys before gather is over", len(got.keys))
	}
	if got := r.take(now.Add(gather), visited); len(got.keys) != 2 {
		t.Errorf("%d keys when gather is over, want 2", len(got.keys))
	}
	for _, k := range keys[:3] {
		r.soon(k, now)
	}
	if got := r.take(now, visited); len(got.keys) != 3 {
		t.Errorf("%d keys of a full request, want 3 at once", len(got.keys))
	}
	r.soon(keys[3], now)
	if next := r.next(now.Add(time.Minute), awaited); !next.IsZero() {
		t.Errorf("a key that is not allowed is due at %v", next)
	}
}

package poller

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestRingProperties has keys come, go, succeed, fail and be wanted at once at random,
// and asks when the ring says so.
func TestRingProperties(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.SampledFrom([]int64{1e6, 3e8, 2e9, 60e9}).Draw(t, "every"))
		batch := rapid.SampledFrom([]int{1, 2, 7, 100}).Draw(t, "batch")
		r := ring{every: every, batch: batch}
		if batch > 1 {
			r.gather = min(gather, every)
		}
		now := start
		var all []*watchedKey
		flying := map[*watchedKey]bool{}
		type request struct {
			keys []*watchedKey
			slot time.Time
			kind int
			end  time.Time
		}
		var requests []request
		var slots []time.Time // when slots were, of which keys were asked
		most := 0             // keys that there were at a time
		span := func(most time.Duration, label string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, label))
		}
		add := func(n int) {
			for range n {
				k := &watchedKey{name: fmt.Sprint("k", len(all))}
				k.sound, k.joined = rapid.Bool().Draw(t, "sound"), rapid.Bool().Draw(t, "joined")
				all = append(all, k)
				if rapid.Bool().Draw(t, "urgent") {
					r.soon(k, now)
				} else {
					r.inSlots(k, now.Add(span(every, "due")))
				}
			}
			most = max(most, len(all))
		}
		take := func() {
			allowed := rapid.IntRange(proven, visited).Draw(t, "allowed")
			first := rapid.Bool().Draw(t, "urgent first")
			next := r.next(now, allowed)
			keys, slot, dropped := r.take(now, allowed, first)
			if due := reached(next, now); due != (len(keys) > 0) {
				t.Fatalf("next is %v from now, but %d keys are taken", next.Sub(now), len(keys))
			}
			if len(keys) == 0 {
				return
			}
			if len(keys) > batch {
				t.Fatalf("%d keys in a request for %d", len(keys), batch)
			}
			kind := keys[0].kind()
			if slot.IsZero() && rank(keys[0]) > allowed {
				t.Fatal("an urgent request that was not allowed")
			}
			for _, k := range keys {
				if flying[k] {
					t.Fatalf("%s is asked twice at once", k.name)
				}
				if k.kind() != kind {
					t.Fatal("sound and doubtful keys in one request")
				}
				if now.Before(k.due) {
					t.Fatalf("%s is asked %v early", k.name, k.due.Sub(now))
				}
				flying[k] = true
			}
			if !slot.IsZero() {
				if slot.After(now) || dropped == 0 && now.Sub(slot) >= r.slot() && len(slots) > 0 && slots[len(slots)-1].Add(2*every).After(slot) {
					t.Fatalf("a slot %v ago", now.Sub(slot))
				}
				slots = append(slots, slot)
			}
			requests = append(requests, request{keys, slot, kind, now.Add(span(every, "takes"))})
		}
		land := func(i int) {
			q := requests[i]
			requests = append(requests[:i], requests[i+1:]...)
			if !q.slot.IsZero() {
				r.landed(q.kind, len(q.keys))
			}
			failed := rapid.Bool().Draw(t, "failed")
			for _, k := range q.keys {
				delete(flying, k)
				k.sound = !failed
				switch {
				case failed:
					r.afterwards(k, now.Add(every+span(3*every, "backoff")))
				case q.slot.IsZero():
					r.inSlots(k, k.asked.Add(every))
				default:
					r.inSlots(k, q.slot.Add(every))
				}
			}
		}
		add(rapid.IntRange(0, 20).Draw(t, "keys at first"))
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0:
				add(rapid.IntRange(1, 5).Draw(t, "new keys"))
			case 1:
				if len(all) > 0 {
					i := rapid.IntRange(0, len(all)-1).Draw(t, "removed")
					if k := all[i]; !flying[k] {
						r.remove(k)
						if k.queue != nil {
							t.Fatal("removed, and waits")
						}
						all = append(all[:i], all[i+1:]...)
					}
				}
			case 2:
				if len(all) > 0 {
					if k := all[rapid.IntRange(0, len(all)-1).Draw(t, "wanted")]; !flying[k] {
						r.soon(k, now.Add(span(every, "when")))
					}
				}
			case 3:
				if len(requests) > 0 {
					i := rapid.IntRange(0, len(requests)-1).Draw(t, "landed")
					now = latest(now, requests[i].end)
					land(i)
				}
			case 4:
				now = now.Add(span(every/4, "passes"))
			default:
				if next := r.next(now, visited); !next.IsZero() && rapid.Bool().Draw(t, "in time") {
					now = latest(now, next)
				}
				take()
			}
		}
		for i, at := range slots { // one late one, and one that another kind of keys fills
			within := 0
			for _, other := range slots[i:] {
				if other.Sub(at) < every {
					within++
				}
			}
			if limit := (most+batch-1)/batch + 2; within > limit {
				t.Fatalf("%d requests in slots of an interval, for %d keys and %d in a request", within, most, batch)
			}
		}
		for range all { // nobody is forgotten
			if len(requests) > 0 {
				land(0)
			}
		}
		for _, k := range all {
			if !flying[k] && k.queue == nil {
				t.Fatalf("%s waits for nothing", k.name)
			}
		}
	})
}

// TestRingKeepsTheInterval asks in time, always, and has every answer come at once: then
// each key is asked again after an interval, and at most one slot later. Keys that are
// due at the same moment at first delay one another once, by an interval at most.
func TestRingKeepsTheInterval(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		every := 2 * time.Second
		batch := rapid.SampledFrom([]int{1, 3, 10}).Draw(t, "batch")
		r := ring{every: every, batch: batch}
		n := rapid.IntRange(1, 60).Draw(t, "keys")
		asked := map[*watchedKey]time.Time{}
		for i := range n {
			k := &watchedKey{name: fmt.Sprint(i)}
			k.sound = true
			r.inSlots(k, start.Add(time.Duration(rapid.Int64Range(0, int64(every)).Draw(t, "phase"))))
		}
		requests := 0
		for now := start; now.Sub(start) < 10*every; {
			now = latest(now, r.next(now, visited))
			keys, slot, dropped := r.take(now, visited, false)
			if dropped > 0 || slot != now && len(keys) > 0 {
				t.Fatalf("%d slots dropped, a slot at %v", dropped, now.Sub(slot))
			}
			if passed := now.Sub(start); len(keys) > 0 && passed >= 5*every && passed < 10*every {
				requests++
			}
			r.landed(sound, len(keys))
			for _, k := range keys {
				if before, again := asked[k]; again {
					most := every + every/time.Duration((n+batch-1)/batch) + time.Millisecond
					if now.Sub(start) < 3*every {
						most += every
					}
					if gap := now.Sub(before); gap < every || gap > most {
						t.Fatalf("asked again after %v, %v after the start", gap, now.Sub(start))
					}
				}
				asked[k] = now
				r.inSlots(k, slot.Add(every))
			}
		}
		if len(asked) != n {
			t.Fatalf("%d of %d keys were asked", len(asked), n)
		}
		if limit := 5 * ((n + batch - 1) / batch); requests > limit {
			t.Fatalf("%d requests in five intervals, want at most %d", requests, limit)
		}
	})
}

func TestUrgentKeysGather(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := ring{every: time.Second, batch: 3, gather: gather}
	keys := make([]*watchedKey, 4)
	for i := range keys {
		keys[i] = &watchedKey{name: fmt.Sprint(i)}
	}
	r.soon(keys[0], now)
	r.soon(keys[1], now.Add(gather/2))
	if next := r.next(now, visited); !next.Equal(now.Add(gather / 2)) { // when the second one comes
		t.Errorf("next %v later", next.Sub(now))
	}
	if got, _, _ := r.take(now.Add(gather-1), visited, true); len(got) != 0 {
		t.Errorf("%d keys before gather is over", len(got))
	}
	if got, _, _ := r.take(now.Add(gather), visited, true); len(got) != 2 {
		t.Errorf("%d keys when gather is over, want 2", len(got))
	}
	for _, k := range keys[:3] {
		r.soon(k, now)
	}
	if got, _, _ := r.take(now, visited, true); len(got) != 3 {
		t.Errorf("%d keys of a full request, want 3 at once", len(got))
	}
	r.soon(keys[3], now)
	if next := r.next(now.Add(time.Minute), awaited); !next.IsZero() {
		t.Errorf("a key that is not allowed is due at %v", next)
	}
}

package poller_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/polluxhub/pollux/poller"
)

// set calls Set, and checks its result.
func set(t *testing.T, polling *poller.Poller, want poller.Change, streams ...poller.Stream) {
	t.Helper()
	got, err := polling.Set(streams)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("change (-want +got)\n%s", diff)
	}
}

// expectClosed checks how often each source was closed, and that no fetch was in
// progress.
func expectClosed(t *testing.T, when string, want int32, sources ...*source) {
	t.Helper()
	for i, s := range sources {
		if got := s.closed.Load(); got != want || s.overlap.Load() {
			t.Errorf("%s: source %d was closed %d times, while it was asked: %v; want %d, false", when, i, got, s.overlap.Load(), want)
		}
	}
}

// names returns the names in Status, in its order.
func names(polling *poller.Poller) (names []string) {
	for _, s := range polling.Status() {
		names = append(names, s.Name)
	}
	return names
}

// TestSet keeps, changes, adds and removes a stream at 25 seconds.
func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fixed := func() *source { return script(gives(`1`, "v1")) }
		kept, changed, removed, p := fixed(), fixed(), fixed(), newPublisher()
		polling, stop := start(t, p, kept, func(o *poller.Options) {
			o.Streams = []poller.Stream{
				{Name: "removed", Source: removed, Every: every, Revision: "1"},
				{Name: "kept", Source: kept, Every: every, Revision: "1"},
				{Name: "changed", Source: changed, Every: every, Revision: "1"},
			}
		})
		time.Sleep(25 * time.Second)
		kept2, changed2, added := fixed(), fixed(), fixed()
		set(t, polling, poller.Change{
			Added: []string{"added"}, Changed: []string{"changed"}, Kept: []string{"kept"}, Removed: []string{"removed"},
		},
			poller.Stream{Name: "added", Source: added, Every: every},
			poller.Stream{Name: "changed", Source: changed2, Every: every / 5, Revision: "2"},
			poller.Stream{Name: "kept", Source: kept2, Every: every / 10, Revision: "1"},
		)
		expectClosed(t, "after Set", 1, kept2, changed, removed)
		expectClosed(t, "after Set", 0, kept, changed2, added)
		if diff := cmp.Diff([]string{"added", "changed", "kept"}, names(polling)); diff != "" {
			t.Errorf("names (-want +got)\n%s", diff)
		}
		if _, err := polling.PollNow("removed"); !errors.Is(err, poller.ErrUnknownStream) {
			t.Errorf("poll of a removed stream: %v", err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		stop()
		expectClosed(t, "after Run", 1, kept, kept2, changed, changed2, added, removed)

		const s = time.Second
		for _, want := range []struct {
			name   string
			source *source
			asked  []time.Duration // since the start of each source
		}{
			{"kept", kept, []time.Duration{0, 10 * s, 20 * s, 30 * s}},
			{"the new source of kept", kept2, []time.Duration{}},
			{"the old source of changed", changed, []time.Duration{0, 10 * s, 20 * s}},
			{"changed", changed2, []time.Duration{0, 2 * s, 4 * s}},
			{"added", added, []time.Duration{0}},
			{"removed", removed, []time.Duration{0, 10 * s, 20 * s}},
		} {
			if diff := cmp.Diff(want.asked, want.source.asked()); diff != "" {
				t.Errorf("%s: fetches (-want +got)\n%s", want.name, diff)
			}
		}
		// The new upstream does not get a version of the old one.
		if diff := cmp.Diff([]poller.Version{{}, version("v1"), version("v1")}, changed2.versions()); diff != "" {
			t.Errorf("changed: asked with (-want +got)\n%s", diff)
		}
		// Four streams, and the changed one was asked before.
		want := []message{data(0, `1`), data(0, `1`), data(0, `1`), data(25*s, `1`)}
		if diff := cmp.Diff(want, p.published()); diff != "" {
			t.Errorf("published (-want +got)\n%s", diff)
		}
		got := polling.Status()[1]
		if got.Every != every/5 || got.Polls != 6 || got.Successes != 6 || got.Unchanged != 5 {
			t.Errorf("changed: every %v, %d polls, %d successes, %d unchanged; want 2s, 6, 6, 5", got.Every, got.Polls, got.Successes, got.Unchanged)
		}
	})
}

// TestSetRefuses checks that an invalid set changes nothing.
func TestSetRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script(gives(`1`))
		polling, stop := start(t, newPublisher(), s)
		time.Sleep(every / 2)
		_, err := polling.Set([]poller.Stream{{Source: s, Every: -1}, {Name: "a"}, {Name: "a", Source: s, Linger: -1}})
		const want = `poller: stream "default": Every is -1ns, want 1ms to 168h0m0s
poller: stream "a": no Source
poller: stream "a": Linger is -1ns, want more than 0
poller: stream "a" is listed twice`
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		time.Sleep(every)
		synctest.Wait()
		if diff := cmp.Diff([]time.Duration{0, every}, s.asked()); diff != "" {
			t.Errorf("fetches (-want +got)\n%s", diff)
		}
		stop()
		if _, err := polling.Set(nil); !errors.Is(err, poller.ErrNotRunning) {
			t.Errorf("after Run: %v, want ErrNotRunning", err)
		}
	})
}

// TestSetBeforeRun replaces streams that were never polled, and then changes only their
// order.
func TestSetBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, a, b := script(gives(`1`)), script(gives(`1`)), script(gives(`2`))
		p := newPublisher()
		polling, err := poller.New(poller.Options{Publisher: p, Streams: []poller.Stream{{Name: "a", Source: old, Revision: "1"}}})
		if err != nil {
			t.Fatal(err)
		}
		set(t, polling, poller.Change{Changed: []string{"a"}, Added: []string{"b"}},
			poller.Stream{Name: "a", Source: a, Revision: "2"}, poller.Stream{Name: "b", Source: b, Revision: "2"})
		set(t, polling, poller.Change{Kept: []string{"b", "a"}}, // with the same sources, which are in use
			poller.Stream{Name: "b", Source: b, Revision: "2"}, poller.Stream{Name: "a", Source: a, Revision: "2"})
		expectClosed(t, "before Run", 1, old)
		expectClosed(t, "before Run", 0, a, b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := polling.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if len(old.asked()) != 0 || len(a.asked()) != 1 || len(b.asked()) != 1 {
			t.Errorf("asked %d, %d and %d times, want 0, 1 and 1", len(old.asked()), len(a.asked()), len(b.asked()))
		}
		if diff := cmp.Diff([]string{"b", "a"}, names(polling)); diff != "" {
			t.Errorf("names (-want +got)\n%s", diff)
		}
	})
}

// TestSetOfUsedSource changes a stream but not its source.
func TestSetOfUsedSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script(gives(`1`))
		polling, _ := start(t, newPublisher(), s)
		time.Sleep(time.Second)
		set(t, polling, poller.Change{Changed: []string{"default"}}, poller.Stream{Source: s, Every: time.Minute})
		set(t, polling, poller.Change{Removed: []string{"default"}, Added: []string{"renamed"}}, poller.Stream{Name: "renamed", Source: s})
		expectClosed(t, "in use", 0, s)
		set(t, polling, poller.Change{Removed: []string{"renamed"}})
		expectClosed(t, "removed", 1, s)
	})
}

// TestSetWaitsForTheOldOne has a source that ignores its context. Its successor and Set
// wait for it, and nothing else does.
func TestSetWaitsForTheOldOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 7 * time.Second
		deaf := newSource(func(context.Context, call) (poller.Reading, error) { time.Sleep(takes); return reading(`"old"`), nil })
		p := newPublisher()
		polling, _ := start(t, p, deaf)
		time.Sleep(time.Second)
		next, other := script(gives(`"new"`)), script(gives(`"other"`))
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := polling.Set([]poller.Stream{{Source: next, Every: every}, {Name: "other", Source: other, Every: every}})
			if err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		if n := len(other.asked()); n != 1 {
			t.Errorf("the other stream was asked %d times, want once", n)
		}
		if diff := cmp.Diff([]string{"default", "other"}, names(polling)); diff != "" {
			t.Errorf("names (-want +got)\n%s", diff)
		}
		if got := polling.Status()[0]; got.Polls != 1 || !got.LastPoll.Equal(p.start) || !got.Since.Equal(p.start) {
			t.Errorf("meanwhile %d polls, the last at %v, %s since %v; want those of the old one", got.Polls, got.LastPoll, got.State, got.Since)
		}
		if at, err := polling.PollNow("default"); err != nil || time.Until(at) != poller.Debounce {
			t.Errorf("asked: in %v, %v", time.Until(at), err)
		}
		expectClosed(t, "while it is asked", 0, deaf)
		<-done
		expectClosed(t, "afterwards", 1, deaf)
		if took := time.Since(p.start); took != takes {
			t.Errorf("Set ended at %v, want %v", took, takes)
		}
		synctest.Wait()
		if diff := cmp.Diff([]time.Duration{takes - time.Second}, next.asked()); diff != "" {
			t.Errorf("fetches (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]message{data(time.Second, `"other"`), data(takes, `"new"`)}, p.published()); diff != "" {
			t.Errorf("published (-want +got)\n%s", diff)
		}
		if got := polling.Status()[0]; got.Asked != 1 || got.Polls != 2 {
			t.Errorf("asked %d times, %d polls, want 1 and 2", got.Asked, got.Polls)
		}
	})
}

// TestSetThenEnd ends Run while Set waits for a stream to end.
func TestSetThenEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := newSource(func(context.Context, call) (poller.Reading, error) { time.Sleep(7 * time.Second); return fails() })
		polling, stop := start(t, newPublisher(), deaf)
		time.Sleep(time.Second)
		next := script(gives(`1`))
		var setting sync.WaitGroup
		setting.Go(func() {
			set(t, polling, poller.Change{Changed: []string{"default"}}, poller.Stream{Source: next})
		})
		synctest.Wait()
		stop()
		if took := time.Since(deaf.start); took != 7*time.Second || len(next.asked()) != 0 {
			t.Errorf("ended after %v, the next one was asked %d times; want 7s, 0", took, len(next.asked()))
		}
		setting.Wait()
		expectClosed(t, "in the end", 1, deaf, next)
	})
}

// TestSetsComeOneAfterTheOther makes many concurrent calls of Set and other methods.
func TestSetsComeOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, streams = 8, 20
		polling, stop := start(t, newPublisher(), script(gives(`1`)))
		synctest.Wait()
		var inFlight [streams]sync.Mutex
		var made []*source // under lock
		var lock sync.Mutex
		var callersDone sync.WaitGroup
		for c := range callers {
			callersDone.Go(func() {
				for round := range 10 {
					var set []poller.Stream
					for i := range streams {
						if (i+c+round)%3 == 0 {
							continue
						}
						s := newSource(func(context.Context, call) (poller.Reading, error) {
							if !inFlight[i].TryLock() {
								t.Errorf("stream %d is polled twice at once", i)
								return fails()
							}
							defer inFlight[i].Unlock()
							time.Sleep(time.Duration(i) * time.Millisecond)
							return reading(`1`), nil
						})
						lock.Lock()
						made = append(made, s)
						lock.Unlock()
						set = append(set, poller.Stream{
							Name: fmt.Sprintf("s%d", i), Revision: fmt.Sprint((c + i) % 2), Every: time.Second, Source: s,
						})
					}
					if _, err := polling.Set(set); err != nil {
						t.Error(err)
					}
					for _, s := range polling.Status() {
						if _, err := polling.PollNow(s.Name); err != nil && !errors.Is(err, poller.ErrUnknownStream) {
							t.Error(err)
						}
					}
					time.Sleep(time.Duration(c) * 7 * time.Millisecond)
				}
			})
		}
		callersDone.Wait()
		if _, err := polling.Set(nil); err != nil || len(polling.Status()) != 0 {
			t.Errorf("in the end: %v, %d streams, want none", err, len(polling.Status()))
		}
		expectClosed(t, "in the end", 1, made...)
		stop()
	})
}

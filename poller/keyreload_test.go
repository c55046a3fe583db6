package poller_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// After a reload, PollNow of a key asks at once, wherever the key stands.
func TestPollNowOfAKeyAfterAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s, s2 := newKeyHub(), newKeySource(one), newKeySource(one)
		st := keyed(s, 1)
		st.Every = time.Hour
		polling, _ := startKeys(t, h, st)
		h.listen(1, keyNames(60)...)
		time.Sleep(10 * time.Minute)
		n := keyed(s2, 1)
		n.Every = time.Hour
		if _, err := polling.Set([]poller.Stream{n}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for _, k := range keyNames(60) {
			if len(s2.asked(k)) > 0 {
				continue
			}
			begin := time.Since(s2.start)
			at, err := polling.PollNow("prices/" + k)
			if err != nil {
				t.Fatal(err)
			}
			promised := at.Sub(s2.start) - begin
			time.Sleep(time.Second)
			if a := s2.asked(k); len(a) == 0 {
				t.Fatalf("%s was promised in %v, and not asked for", k, promised)
			}
		}
	})
}

// PollNow that a reload overtakes is not forgotten.
func TestPollNowOfAKeyBeforeAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s, s2 := newKeyHub(), newKeySource(one), newKeySource(one)
		st := keyed(s, 1)
		st.Every = time.Hour
		polling, _ := startKeys(t, h, st)
		h.listen(1, keyNames(60)...)
		time.Sleep(10 * time.Minute)
		before := time.Since(h.start)
		for _, k := range keyNames(60) {
			if _, err := polling.PollNow("prices/" + k); err != nil {
				t.Fatal(err)
			}
		}
		n := keyed(s2, 1)
		n.Every = time.Hour
		if _, err := polling.Set([]poller.Stream{n}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		worst := time.Duration(0)
		for _, k := range keyNames(60) {
			worst = max(worst, s2.asked(k)[0]+s2.start.Sub(h.start)-before)
		}
		if worst > time.Minute {
			t.Errorf("a key that PollNow promised in 100ms is asked after %v", worst)
		}
	})
}

// The first request for a key is repeated at once if a reload cuts it off.
func TestNewKeyAmidAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		slow := func(ctx context.Context, c keyCall) (poller.Reading, error) {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return poller.Reading{}, ctx.Err()
			}
			return one(ctx, c)
		}
		s, s2 := newKeySource(slow), newKeySource(slow)
		st := keyed(s, 1)
		st.Every = time.Hour
		polling, _ := startKeys(t, h, st)
		h.listen(1, keyNames(60)...)
		time.Sleep(10 * time.Minute)
		var late []string
		for i := range 10 {
			late = append(late, fmt.Sprint("z", i))
		}
		h.listen(1, late...)
		time.Sleep(500 * time.Millisecond)
		n := keyed(s2, 1)
		n.Every = time.Hour
		if _, err := polling.Set([]poller.Stream{n}); err != nil {
			t.Fatal(err)
		}
		began := time.Since(h.start)
		time.Sleep(2 * time.Hour)
		worst := time.Duration(0)
		for _, k := range late {
			worst = max(worst, h.of(k)[0].At-began)
		}
		if worst > time.Minute {
			t.Errorf("the first document of a new key comes %v after a reload", worst)
		}
	})
}

// slowHub is a keyHub that answers late when it has told that a key is stale.
type slowHub struct{ *keyHub }

func (h slowHub) PublishAll(ctx context.Context, list []hub.Message) ([]hub.ID, error) {
	ids, err := h.keyHub.PublishAll(ctx, list)
	if status := list[0].Status; status != nil && status.State == hub.Stale {
		<-ctx.Done()
		time.Sleep(time.Millisecond) // nobody waits for the answer any more
	}
	return ids, err
}

// What clients were told at the moment of a reload is not forgotten: a key that is live again by then does
// not stay stale for them.
func TestStateThatIsToldAmidAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		heals := newKeySource(nil)
		heals.answer = func(ctx context.Context, c keyCall) (poller.Reading, error) {
			if len(heals.asked("k")) == 1 {
				return poller.Reading{}, failure("http_503", 0)
			}
			return one(ctx, c)
		}
		polling, _ := startKeys(t, h, keyed(heals, 1), func(o *poller.Options) { o.Publisher = slowHub{h} })
		h.listen(1, "k")
		time.Sleep(every / 4)
		if _, err := polling.PollNow("prices/k"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(every / 4)
		if status, _ := polling.StatusOf("prices/k"); status.State != hub.Live {
			t.Fatalf("before the reload the key is %s", status.State)
		}
		if _, err := polling.Set([]poller.Stream{keyed(newKeySource(one), 1)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * every)
		var told []hub.State
		for _, m := range h.of("k") {
			if m.State != "" {
				told = append(told, m.State)
			}
		}
		if len(told) != 2 || told[0] != hub.Stale || told[1] != hub.Live {
			t.Errorf("clients are told %v", told)
		}
	})
}

// A stream is not idle once a key that was absent has a document.
func TestStreamOfAKeyThatWasAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var mode atomic.Int32
		s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
			switch mode.Load() {
			case 0:
				return poller.Reading{}, failure("http_404", 0)
			case 1:
				return one(ctx, c)
			}
			return poller.Reading{}, failure("http_503", 0)
		})
		polling, _ := startKeys(t, h, keyed(s, 1))
		h.listen(1, "a")
		time.Sleep(2 * time.Second)
		mode.Store(1)
		time.Sleep(10 * time.Minute)
		st := polling.Status()[0]
		if st.Idle {
			t.Errorf("key is polled each 10s, stream is idle: %+v", st)
		}
		mode.Store(2)
		time.Sleep(time.Hour)
		st = polling.Status()[0]
		if st.State != hub.Down {
			t.Errorf("after an hour of 503 the stream is %v", st.State)
		}
	})
}

// Absent keys are forgotten, also when no key is left.
func TestAbsentKeysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(context.Context, keyCall) (poller.Reading, error) {
			return poller.Reading{}, failure("http_404", 0)
		})
		polling, _ := startKeys(t, h, keyed(s, 1))
		h.listen(0, keyNames(10)...)
		time.Sleep(5 * time.Second)
		h.end(keyNames(10)...)
		time.Sleep(24 * time.Hour)
		if st := polling.Status()[0]; st.Absent != 0 {
			t.Errorf("a day later, without a key: %+v", st)
		}
	})
}

// plainHub is a hub whose stream may also be one without keys.
type plainHub struct{ *keyHub }

func (plainHub) Demand(string) (hub.Demand, error)                    { return steadyDemand{}, nil }
func (plainHub) Publish(context.Context, hub.Message) (hub.ID, error) { return hub.NewID("e", 1) }

type steadyDemand struct{}

func (steadyDemand) Listeners() int           { return 1 }
func (steadyDemand) Changed() <-chan struct{} { return nil }

// A stream that has no keys any more says nothing of keys.
func TestStreamThatHasNoKeysAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := newKeyHub(), newKeySource(one)
		polling, _ := startKeys(t, h, keyed(s, 1), func(o *poller.Options) { o.Publisher = plainHub{h} })
		h.listen(1, keyNames(60)...)
		time.Sleep(10 * time.Minute)
		if _, err := polling.Set([]poller.Stream{{Name: "prices", Every: every, Source: poller.Func(func(context.Context) (any, error) { return 1, nil })}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if st := polling.Status()[0]; st.Keys != 0 || st.Watched != 0 {
			t.Errorf("plain stream: %+v", st)
		}
	})
}

// A request without an answer does not end the pace that the upstream has set.
func TestTimeoutKeepsThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var asked atomic.Int32
		s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
			switch asked.Add(1) {
			case 1:
				return poller.Reading{}, failure("http_429", time.Minute)
			case 2:
				return poller.Reading{}, failure(poller.ClassTimeout, 0)
			}
			return one(ctx, c)
		})
		stream := keyed(s, 1)
		stream.Keys.Parallel = 16
		h.listen(1, "a")
		startKeys(t, h, stream)
		time.Sleep(time.Second)
		h.listen(1, keyNames(60)...)
		time.Sleep(70 * time.Second)
		if n := len(s.between(0, time.Hour)); n != 2 {
			t.Errorf("%d requests in 70 s at one a minute, want 2", n)
		}
	})
}

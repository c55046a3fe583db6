package poller_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// documents returns the documents of messages, without states.
func documents(list []message) (texts []string) {
	for _, m := range list {
		if m.Data != "" {
			texts = append(texts, m.Data)
		}
	}
	return texts
}

// states returns the messages that tell a state.
func states(list []message) (told []message) {
	for _, m := range list {
		if m.State != "" {
			told = append(told, m)
		}
	}
	return told
}

func expectOpenings(t *testing.T, f *feed, want ...opening) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, f.asked()); diff != "" {
		t.Errorf("openings (-want +got):\n%s", diff)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.twice {
		t.Error("there were two connections at a time")
	}
}

func expectDocuments(t *testing.T, p *publisher, want ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, documents(p.published())); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
}

// TestFollow is the life of a feed: documents come, the same one twice, the connection ends
// and the next one goes on behind the newest event.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newFeed(), newPublisher()
		polling, stop := start(t, p, nil, following(f))
		flow := f.flow(t)
		flow.event(`1`, 7)
		flow.event(` {"a": 2} `, 8)
		flow.event(`{"a":2}`, 9)
		expectDocuments(t, p, `1`, `{"a":2}`)
		s := polling.Status()[0]
		if s.State != hub.Live || s.Polls != 1 || s.Successes != 3 || s.Unchanged != 1 || s.Connected == nil || !*s.Connected || !s.NextPoll.IsZero() || s.Every != every {
			t.Errorf("%+v", s)
		}

		flow.end("10", 0)
		if s := polling.Status()[0]; *s.Connected || s.Error != "" || s.NextPoll.Sub(f.start) != poller.DefaultReconnect {
			t.Errorf("%+v", s)
		}
		time.Sleep(poller.DefaultReconnect)
		f.flow(t).event(`3`, 11)
		expectOpenings(t, f, opening{0, ""}, opening{poller.DefaultReconnect, "10"})
		expectDocuments(t, p, `1`, `{"a":2}`, `3`)
		if told := states(p.published()); told != nil {
			t.Errorf("clients were told %v", told)
		}
		stop()
		if f.isOpen() || f.closed != 1 {
			t.Errorf("the feed is open, or closed %d times", f.closed)
		}
	})
}

// TestSilence checks that any byte counts as life, and that three intervals without any end
// the connection and make the stream stale.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newFeed(), newPublisher()
		polling, _ := start(t, p, nil, following(f))
		f.flow(t).event(`1`, 1)
		for range 5 {
			time.Sleep(3*every - 1)
			f.flow(t).comment()
		}
		heard := 5 * (3*every - 1)
		time.Sleep(3*every - 1)
		if !f.isOpen() || states(p.published()) != nil {
			t.Fatal("the connection has ended early")
		}
		time.Sleep(time.Nanosecond)
		if f.isOpen() {
			t.Fatal("the connection has not ended")
		}
		ended := heard + 3*every
		want := []message{status(ended, hub.Stale, ended, heard, "timeout")}
		if diff := cmp.Diff(want, states(p.published())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if reason := polling.Status()[0].Reason; reason != "the upstream has sent nothing for 30s, which is 3 times every" {
			t.Error(reason)
		}
		time.Sleep(poller.DefaultReconnect)
		f.flow(t).comment()
		ended += poller.DefaultReconnect
		want = append(want, status(ended, hub.Live, ended, ended, "timeout"))
		if diff := cmp.Diff(want, states(p.published())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		f.flow(t).event(`1`, 1)
		if s := polling.Status()[0]; s.Error != "" || s.Reason != "" {
			t.Errorf("%+v", s)
		}
		expectOpenings(t, f, opening{0, ""}, opening{ended, "1"})
	})
}

// TestDown follows an upstream that is gone: stale after three intervals, down after six.
func TestDownWithoutConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newFeed(), newPublisher()
		start(t, p, nil, following(f))
		f.flow(t).event(`1`, 1)
		f.refuseBy(func(opening) error { return &poller.Error{Class: "connect"} })
		f.flow(t).send(utterance{news: poller.News{ID: "2"}, err: &poller.Error{Class: "truncated"}})
		time.Sleep(7 * every)
		want := []message{status(3*every, hub.Stale, 3*every, 0, "connect"), status(6*every, hub.Down, 6*every, 0, "connect")}
		if diff := cmp.Diff(want, states(p.published())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

// TestReconnectDelay checks how long the poller waits between two connections.
func TestReconnectDelay(t *testing.T) {
	const s = time.Second
	failed := func(wait time.Duration) func() error {
		return func() error { return &poller.Error{Class: "http_503", Wait: wait, Said: "Retry-After: 7"} }
	}
	for name, test := range map[string]struct {
		retry  time.Duration // that the first connection has told
		refuse func() error  // the connections after the first
		random float64
		want   []time.Duration // when they were opened
	}{
		"nothing is said":               {0, nil, 0, []time.Duration{0, 3 * s}},
		"nothing is said, at the most":  {0, nil, 1, []time.Duration{0, 4500 * time.Millisecond}},
		"retry":                         {5 * s, nil, 0, []time.Duration{0, 5 * s}},
		"retry, at the most":            {4 * s, nil, 1, []time.Duration{0, 6 * s}},
		"retry of a millisecond":        {time.Millisecond, nil, 0, []time.Duration{0, s}},
		"retry of three centuries":      {1<<63 - 1, nil, 0, []time.Duration{0}},
		"refused":                       {2 * s, failed(0), 0, []time.Duration{0, 2 * s, 4 * s, 6 * s, 8 * s, 10 * s, 12 * s, 14 * s, 16 * s, 18 * s, 20 * s}},
		"refused, the longest":          {2 * s, failed(0), 1, []time.Duration{0, 3 * s, 6 * s, 10 * s, 15500 * time.Millisecond}},
		"refused for a time":            {2 * s, failed(7 * s), 0, []time.Duration{0, 2 * s, 9 * s, 16 * s}},
		"refused for longer than is so": {2 * s, failed(1000 * time.Hour), 0, []time.Duration{0, 2 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFeed()
				polling, _ := start(t, newPublisher(), nil, following(f), func(o *poller.Options) { o.Rand = func() float64 { return test.random } })
				if test.refuse != nil {
					f.refuseBy(func(o opening) error {
						if o.At == 0 {
							return nil
						}
						return test.refuse()
					})
				}
				flow := f.flow(t)
				flow.event(`1`, 1)
				flow.end("1", test.retry)
				time.Sleep(20*s + 1)
				synctest.Wait()
				var got []time.Duration
				for _, o := range f.asked() {
					got = append(got, o.At)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if next := polling.Status()[0].NextPoll; time.Until(next) > poller.DefaultMaxWait {
					t.Errorf("the next connection comes at %v", next)
				}
			})
		})
	}
}

// TestShortRetry checks that an upstream that wants its clients back within a millisecond gets
// them back after a second, however long its connection was open.
func TestShortRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		start(t, newPublisher(), nil, following(f))
		f.flow(t).event(`1`, 1)
		time.Sleep(every)
		f.flow(t).end("1", time.Millisecond)
		time.Sleep(poller.MinGap)
		expectOpenings(t, f, opening{0, ""}, opening{every + time.Second, "1"})
	})
}

// TestEndWithoutEvent checks that an upstream that accepts connections and ends each at once
// is failing, and that one that ends a quiet connection later is not.
func TestEndWithoutEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		polling, _ := start(t, newPublisher(), nil, following(f))
		f.flow(t).comment()
		f.flow(t).end("", 0)
		if s := polling.Status()[0]; s.Error != "disconnected" || s.Failed() != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(poller.DefaultReconnect)
		flow := f.flow(t)
		time.Sleep(poller.DefaultReconnect + 1)
		flow.comment()
		flow.end("", 0)
		if s := polling.Status()[0]; s.Error != "" || s.Failed() != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestBackPressure checks that the upstream has to wait while a document is published, that
// this is no silence, and that not one document is lost.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newFeed(), newPublisher()
		p.refuse = func(context.Context, hub.Message) error {
			time.Sleep(every / 2) // slow, within the timeout
			return nil
		}
		start(t, p, nil, following(f))
		flow := f.flow(t)
		const many = 100
		go func() {
			for i := range many {
				flow.steps <- utterance{news: poller.News{Reading: reading(fmt.Sprint(i)), ID: fmt.Sprint(i)}}
			}
		}()
		for i := range many {
			synctest.Wait()
			f.mu.Lock()
			read := flow.read
			f.mu.Unlock()
			if done := len(p.published()); read > done+2 {
				t.Fatalf("%d: %d events are read and %d published", i, read, done)
			}
			time.Sleep(every / 2)
		}
		var want []string
		for i := range many {
			want = append(want, fmt.Sprint(i))
		}
		expectDocuments(t, p, want...)
		expectOpenings(t, f, opening{0, ""})
	})
}

// TestPublishAgain checks that a document that cannot be published is published later, before
// the next one, and that a connection that ends meanwhile goes on in front of it.
func TestPublishAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newFeed(), newPublisher()
		var broken atomic.Bool
		p.refuse = func(context.Context, hub.Message) error {
			if broken.Load() {
				return errors.New("no log")
			}
			return nil
		}
		polling, stop := start(t, p, nil, following(f))
		flow := f.flow(t)
		flow.event(`1`, 1)
		broken.Store(true)
		flow.event(`2`, 2)
		if s := polling.Status()[0]; s.Error != "publish" {
			t.Errorf("%+v", s)
		}
		next := make(chan struct{})
		go func() {
			flow.event(`3`, 3)
			close(next)
		}()
		time.Sleep(10 * time.Second) // 2 waits here, and 3 in the reader
		expectDocuments(t, p, `1`)
		broken.Store(false)
		time.Sleep(time.Second)
		<-next
		expectDocuments(t, p, `1`, `2`, `3`)
		expectOpenings(t, f, opening{0, ""})
		if s := polling.Status()[0]; s.Error != "publish" {
			t.Errorf("the failure is over within an interval: %+v", s)
		}
		time.Sleep(every)
		flow.event(`4`, 4)
		if s := polling.Status()[0]; s.Error != "" {
			t.Errorf("%+v", s)
		}

		broken.Store(true)
		flow.event(`5`, 5)
		stop()
		if got := documents(p.published()); len(got) != 4 {
			t.Errorf("published %v", got)
		}
	})
}

// TestTooLargeForHub checks that a document that can never be published is left out.
func TestTooLargeForHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newFeed(), newPublisher()
		p.refuse = func(_ context.Context, m hub.Message) error {
			if string(m.Data) == `2` {
				return hub.ErrTooLarge
			}
			return nil
		}
		start(t, p, nil, following(f))
		flow := f.flow(t)
		flow.event(`1`, 1)
		flow.event(`2`, 2)
		flow.event(`3`, 3)
		expectDocuments(t, p, `1`, `3`)
	})
}

// TestBadEvents checks that an event without a document costs only itself, and that a stream
// of good and bad ones has two lines of the log in an interval at most.
func TestBadEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newFeed(), newPublisher()
		var log bytes.Buffer
		polling, _ := start(t, p, nil, following(f), func(o *poller.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		flow := f.flow(t)
		for i := range 100 {
			flow.event(fmt.Sprint(i), 2*i)
			flow.event(`{`, 2*i+1)
			time.Sleep(every / 10)
		}
		if got := len(documents(p.published())); got != 100 {
			t.Errorf("%d documents", got)
		}
		if s := polling.Status()[0]; s.Failures["invalid_json"] != 100 || s.Error != "invalid_json" || s.State != hub.Live {
			t.Errorf("%+v", s)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 1 || !strings.Contains(lines[0], "poll failed") || !strings.Contains(lines[0], `retry="with the next event"`) {
			t.Errorf("%d lines:\n%.2000s", len(lines), log.String())
		}
		time.Sleep(every)
		flow.event(`"good"`, 1000)
		if !strings.Contains(log.String(), "poll recovered") {
			t.Error(log.String())
		}
		flow.end("1000", 0)
		time.Sleep(poller.DefaultReconnect)
		expectOpenings(t, f, opening{0, ""}, opening{11*every + poller.DefaultReconnect, "1000"})
	})
}

// TestStatusOfUpstream checks that a stream is no fresher than its upstream says, also over a
// new connection, until the upstream says something else or has begun anew.
func TestStatusOfUpstream(t *testing.T) {
	says := func(state hub.State, class string) utterance {
		return utterance{news: poller.News{ID: "1", Status: &hub.Status{State: state, Error: class}}}
	}
	synctest.Test(t, func(t *testing.T) {
		f, p := newFeed(), newPublisher()
		polling, _ := start(t, p, nil, following(f))
		f.flow(t).event(`1`, 1)
		time.Sleep(time.Second)
		f.flow(t).send(says(hub.Stale, "http_503"))
		if reason := polling.Status()[0].Reason; reason != "the upstream says that its stream is stale: http_503" {
			t.Error(reason)
		}
		time.Sleep(time.Second)
		f.flow(t).send(says(hub.Down, ""))
		f.flow(t).end("1", time.Second)
		time.Sleep(time.Second)
		f.flow(t).comment()
		f.flow(t).event(`1`, 1)
		time.Sleep(time.Second)
		f.flow(t).send(says(hub.Live, ""))
		if s := polling.Status()[0]; s.Error != "" {
			t.Errorf("%+v", s)
		}
		const s = time.Second
		want := []message{
			status(s, hub.Stale, s, 0, "http_503"), status(2*s, hub.Down, 2*s, s, "upstream"), status(4*s, hub.Live, 4*s, 3*s, ""),
		}
		got := states(p.published())
		for i := range got { // when something was heard last is not what this test is about
			got[i].LastSuccess = 0
		}
		for i := range want {
			want[i].LastSuccess = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}

		f.flow(t).send(says(hub.Down, ""))
		f.flow(t).send(utterance{news: poller.News{ID: "", Gap: "epoch"}})
		if s := polling.Status()[0]; s.State != hub.Live {
			t.Errorf("%+v", s)
		}
	})
}

// TestEventTooLarge checks that the connection after an event that is too large does not ask
// for it again.
func TestEventTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		start(t, newPublisher(), nil, following(f))
		f.flow(t).event(`1`, 1)
		f.flow(t).send(utterance{news: poller.News{ID: "1"}, err: &poller.Error{Class: "too_large"}})
		time.Sleep(poller.DefaultReconnect)
		expectOpenings(t, f, opening{0, ""}, opening{poller.DefaultReconnect, ""})
	})
}

// TestFaults checks that a panic in a feed is a failure like any other.
func TestFaultsOfFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		f.refuseBy(func(o opening) error {
			if o.At == 0 {
				panic("a fault of the feed")
			}
			return nil
		})
		polling, _ := start(t, newPublisher(), nil, following(f))
		time.Sleep(poller.DefaultReconnect)
		f.flow(t).event(`1`, 1)
		f.flow(t).send(utterance{fail: true})
		if s := polling.Status()[0]; s.Panics != 2 || s.Error != "panic" {
			t.Errorf("%+v", s)
		}
		time.Sleep(poller.DefaultReconnect)
		expectOpenings(t, f, opening{0, ""}, opening{poller.DefaultReconnect, ""}, opening{2 * poller.DefaultReconnect, "1"})
	})
}

// TestFollowOnDemand checks that the connection lasts while a client listens and for a
// minute after it has left, and for a minute after somebody has asked for the document.
func TestFollowOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFeed(), newAudience(false)
		polling, _ := start(t, newPublisher(), nil, following(f), func(o *poller.Options) { onDemand(o, a) })
		time.Sleep(time.Hour)
		if f.isOpen() {
			t.Fatal("connected without a client")
		}
		a.join()
		f.flow(t).event(`1`, 1)
		for range 10 {
			time.Sleep(every)
			f.flow(t).comment()
		}
		a.leave()
		for range 5 {
			time.Sleep(every)
			f.flow(t).comment()
		}
		time.Sleep(every - 1)
		if !f.isOpen() {
			t.Fatal("the connection has ended early")
		}
		time.Sleep(time.Nanosecond)
		if f.isOpen() || !polling.Status()[0].Idle {
			t.Fatal("the connection has not ended")
		}
		left := time.Since(f.start)
		time.Sleep(time.Hour)
		polling.Refresh("default")
		time.Sleep(poller.Debounce)
		f.flow(t).event(`2`, 2)
		time.Sleep(10 * time.Second)
		a.join()
		a.leave()
		for range 5 {
			time.Sleep(every)
			f.flow(t).comment()
		}
		time.Sleep(every)
		if f.isOpen() {
			t.Fatal("the connection has not ended")
		}
		time.Sleep(time.Second)
		a.join()
		back := time.Since(f.start)
		expectOpenings(t, f, opening{time.Hour, ""}, opening{left + time.Hour + poller.Debounce, "1"}, opening{back, "2"})
	})
}

// TestPollNowConnects checks what polling now means for a feed: a new connection, at once.
func TestPollNowConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		polling, _ := start(t, newPublisher(), nil, following(f))
		f.flow(t).event(`1`, 1)
		time.Sleep(time.Minute / 4)
		at, err := polling.PollNow("")
		if err != nil || time.Until(at) != poller.Debounce {
			t.Errorf("%v, %v", at, err)
		}
		time.Sleep(poller.Debounce)
		f.flow(t).event(`2`, 2)
		again, err := polling.PollNow("")
		if err != nil || again.Sub(at) != poller.MinGap {
			t.Errorf("%v, %v", again.Sub(at), err)
		}
		time.Sleep(poller.MinGap)
		synctest.Wait()
		f.refuseBy(func(opening) error { return &poller.Error{Class: "connect"} })
		f.flow(t).send(utterance{news: poller.News{ID: "2"}, err: &poller.Error{Class: "truncated"}})
		f.refuseBy(nil)
		time.Sleep(poller.DefaultReconnect / 2)
		if _, err := polling.PollNow(""); err != nil {
			t.Error(err)
		}
		time.Sleep(poller.Debounce)
		base := time.Minute/4 + poller.Debounce
		expectOpenings(t, f, opening{0, ""}, opening{base, "1"}, opening{base + poller.MinGap, "2"}, opening{base + poller.MinGap + poller.DefaultReconnect/2 + poller.Debounce, "2"})
	})
}

// TestReplaceFeed checks that a reload has one connection after the other, and that an ID is
// sent back to the origin that gave it alone.
func TestReplaceFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, other := newFeed(), newFeed(), newFeed()
		other.origin = "b"
		p := newPublisher()
		polling, _ := start(t, p, nil, following(first))
		first.flow(t).event(`1`, 1)
		set := func(f *feed, revision string) {
			t.Helper()
			if _, err := polling.Set([]poller.Stream{{Feed: f, Every: every, Revision: revision}}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(every)
		set(second, "2")
		if first.isOpen() {
			t.Error("the old connection is open")
		}
		second.flow(t).event(`1`, 1)
		second.flow(t).event(`2`, 2)
		set(newFeed(), "2") // the same: nothing happens
		if !second.isOpen() {
			t.Error("a stream that is kept has lost its connection")
		}
		set(other, "3")
		other.flow(t).event(`3`, 3)
		expectOpenings(t, second, opening{every, "1"})
		expectOpenings(t, other, opening{every, ""})
		expectDocuments(t, p, `1`, `2`, `3`)
	})
}

// TestReplaceWhilePublishing checks that a document that is being published when the stream is
// changed is not asked for again.
func TestReplaceWhilePublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, next, p := newFeed(), newFeed(), newPublisher()
		var hangs atomic.Bool
		p.refuse = func(ctx context.Context, _ hub.Message) error {
			enough := time.After(900 * time.Millisecond)
			if hangs.Load() {
				enough = nil
			}
			select {
			case <-enough:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		polling, _ := start(t, p, nil, following(f))
		f.flow(t).event(`1`, 1)
		if _, err := polling.Set([]poller.Stream{{Feed: next, Every: every, Revision: "2"}}); err != nil {
			t.Fatal(err)
		}
		expectDocuments(t, p, `1`)
		expectOpenings(t, next, opening{900 * time.Millisecond, "1"})
		next.flow(t)

		hangs.Store(true)
		next.flow(t).event(`2`, 2)
		last := newFeed()
		if _, err := polling.Set([]poller.Stream{{Feed: last, Every: every, Revision: "3"}}); err != nil {
			t.Fatal(err)
		}
		expectOpenings(t, last, opening{time.Second, "1"})
	})
}

// TestFeedOptions checks what a stream with a feed is by default, and what it must not have.
func TestFeedOptions(t *testing.T) {
	s := poller.Stream{Feed: &feed{}, Source: newSource(nil)}
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "a Feed, and Source or Keys") {
		t.Errorf("%v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		polling, _ := start(t, newPublisher(), nil, following(f), func(o *poller.Options) { o.Streams[0].Every = 0 })
		if got := polling.Status()[0].Every; got != 15*time.Second {
			t.Errorf("every is %v", got)
		}
		f.flow(t)
	})
}

// TestTryFeed checks what trying a feed brings.
func TestTryFeed(t *testing.T) {
	for name, test := range map[string]struct {
		steps []utterance
		class string
		want  string
	}{
		"a document":           {[]utterance{{news: poller.News{Status: &hub.Status{State: hub.Down}}}, {news: poller.News{Gap: "epoch"}}, {news: poller.News{Reading: reading(` 1`), ID: "7", Retry: time.Second}}}, "", `1`},
		"no document":          {[]utterance{{news: poller.News{Reading: reading(`x`), ID: "7"}}}, "invalid_json", ""},
		"a bad event":          {[]utterance{{news: poller.News{Err: &poller.Error{Class: "format"}}}}, "format", ""},
		"nothing":              {nil, "timeout", ""},
		"the end":              {[]utterance{{err: errors.New("EOF is not this")}}, "error", ""},
		"an end without event": {[]utterance{{}, {err: io.EOF}}, "disconnected", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFeed()
				f.said = poller.Reading{Wait: time.Minute, Said: "Retry-After: 60"}
				go func() {
					for _, s := range test.steps {
						f.flow(t).steps <- s
					}
				}()
				trial, err := poller.Stream{Feed: f, Every: every}.Try(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if test.class != "" {
					if class, _ := trial.Class(); class != test.class {
						t.Errorf("class %q, want %q: %v", class, test.class, trial.Err)
					}
				} else if trial.Err != nil || string(trial.Parts[0].Document) != test.want || trial.ID != "7" || trial.Retry != time.Second || trial.Wait != time.Minute {
					t.Errorf("%+v", trial)
				}
				if f.isOpen() {
					t.Error("the connection is open")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		f, begin := newFeed(), time.Now()
		if trial, err := (poller.Stream{Feed: f, Every: time.Hour}).Try(t.Context()); err != nil || trial.Err == nil || time.Since(begin) != 30*time.Second {
			t.Errorf("%+v, %v after %v", trial, err, time.Since(begin))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		f.refuseBy(func(opening) error { return &poller.Error{Class: "tls"} })
		if trial, err := (poller.Stream{Feed: f}).Try(t.Context()); err != nil || trial.Err == nil {
			t.Errorf("%+v, %v", trial, err)
		}
	})
}

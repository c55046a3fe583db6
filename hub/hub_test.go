package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// patience bounds how long a test waits. It says nothing about speed.
const patience = 30 * time.Second

func newHub(t *testing.T, opts hub.Options) *hub.Hub {
	t.Helper()
	h, err := hub.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// runHub returns a hub that runs until stop is called. stop returns the error of Run.
func runHub(t *testing.T, opts hub.Options) (h *hub.Hub, stop func() error) {
	t.Helper()
	if opts.Log == nil {
		opts.Log = hub.NewMemoryLog()
	}
	log := &tailedLog{Log: opts.Log, tailed: make(chan struct{})}
	opts.Log = log
	h = newHub(t, opts)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	<-log.tailed
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return h, stop
}

// tailedLog tells when the hub knows its epoch.
type tailedLog struct {
	hub.Log
	tailed chan struct{}
}

func (l *tailedLog) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	tell := sync.OnceFunc(func() { close(l.tailed) })
	return l.Log.Tail(ctx, func(batch hub.Batch) error {
		err := emit(batch)
		tell()
		return err
	})
}

func publish(t *testing.T, h *hub.Hub, stream, data string) hub.ID {
	t.Helper()
	id, err := h.Publish(t.Context(), hub.Message{Stream: stream, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func subscribe(t *testing.T, h *hub.Hub, opts hub.SubscribeOptions) *hub.Subscription {
	t.Helper()
	s, err := h.Subscribe(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func texts(events []*hub.Event) []string {
	list := []string{}
	for _, e := range events {
		list = append(list, string(e.Data()))
	}
	return list
}

// The mistakes of one stream come in the order of its options.
func TestMistakesHaveAnOrder(t *testing.T) {
	const want = `hub: History of stream "a" is -1, want more than 0, or 0 for the default
hub: HistoryBytes of stream "a" is -2, want more than 0, or 0 for the default
hub: ReplayEvents of stream "a" is -3, want more than 0, or 0 for the default
hub: ReplayBytes of stream "a" is -4, want more than 0, or 0 for the default`
	one := hub.StreamOptions{Name: "a", History: -1, HistoryBytes: -2, ReplayEvents: -3, ReplayBytes: -4}
	for range 20 { // the order of a map varies
		if _, err := hub.New(hub.Options{Streams: []hub.StreamOptions{one}}); err == nil || err.Error() != want {
			t.Fatalf("%v, want\n%s", err, want)
		}
	}
}

func TestOptionsAreCheckedTogether(t *testing.T) {
	_, err := hub.New(hub.Options{
		History: -1, Buffer: -2, TotalHistoryBytes: -3,
		Streams: append(hub.Named("a", "a", "b c", "status"), hub.StreamOptions{Name: "d", History: -4}, hub.StreamOptions{Name: "e", HistoryBytes: -5}),
	})
	if err == nil {
		t.Fatal("senseless options were taken")
	}
	for _, part := range []string{"History is -1", "Buffer is -2", "TotalHistoryBytes is -3", `History of stream "d" is -4`, `HistoryBytes of stream "e" is -5`, `"a" is named twice`, `"b c"`, `"status"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error does not speak of %s: %v", part, err)
		}
	}
}

func TestPublishAndReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "b")})
		a, both := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}}),
			subscribe(t, h, hub.SubscribeOptions{Streams: []string{"b", "a", "b"}})
		first := publish(t, h, "a", "1")
		second := publish(t, h, "b", "2")
		if second.Epoch() != first.Epoch() || second.Seq() != first.Seq()+1 {
			t.Errorf("IDs %v and %v are not one timeline", first, second)
		}
		// The publisher can read the document at once.
		if e, err := h.Latest("b"); err != nil || e.ID() != second {
			t.Errorf("latest is %v, %v", e, err)
		}
		a.Close()
		both.Close()
		var got [2][]string
		for i, s := range []*hub.Subscription{a, both} {
			for e := range s.Events() {
				got[i] = append(got[i], string(e.Data()))
			}
		}
		if diff := cmp.Diff([2][]string{{"1"}, {"1", "2"}}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRefusals(t *testing.T) {
	h, stop := runHub(t, hub.Options{MaxData: 4, Streams: hub.Named("a")})
	one := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}})
	for _, test := range []struct {
		name string
		err  error
		want error
	}{
		{"data at the limit", second(h.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte("1234")})), nil},
		{"data over the limit", second(h.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte("12345")})), hub.ErrTooLarge},
		{"unknown stream", second(h.Publish(t.Context(), hub.Message{Data: []byte("1")})), hub.ErrUnknownStream},
		{"invalid message", second(h.Publish(t.Context(), hub.Message{Stream: "a"})), hub.ErrInvalidMessage},
		{"error class of 41 letters", second(h.Publish(t.Context(), hub.Message{Stream: "a", Status: &hub.Status{State: hub.Down, Error: strings.Repeat("x", 41)}})), hub.ErrInvalidMessage},
		{"subscribing to an unknown stream", second(h.Subscribe(t.Context(), hub.SubscribeOptions{})), hub.ErrUnknownStream},
		{"too many streams", second(h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: make([]string, 101)})), hub.ErrTooManyStreams},
		{"running twice", h.Run(t.Context()), hub.ErrRunning},
	} {
		if !errors.Is(test.err, test.want) || test.want == nil && test.err != nil {
			t.Errorf("%s: %v, want %v", test.name, test.err, test.want)
		}
	}
	if stats := h.Stats(); stats.Subscribed != 1 || stats.Published != 1 {
		t.Errorf("counted %+v", stats)
	}
	one.Close()
	one.Close()
	subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}}).Close()

	if err := stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if err := second(h.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte("1")})); !errors.Is(err, hub.ErrClosed) {
		t.Errorf("publish after the end: %v", err)
	}
	if err := second(h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"a"}})); !errors.Is(err, hub.ErrClosed) {
		t.Errorf("subscribe after the end: %v", err)
	}
	if err := h.Run(t.Context()); !errors.Is(err, hub.ErrRunning) {
		t.Errorf("second run: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// A client that reads nothing does not block the hub, and misses nothing.
func TestSlowSubscriberResumes(t *testing.T) {
	h, _ := runHub(t, hub.Options{Buffer: 2})
	slow := subscribe(t, h, hub.SubscribeOptions{})
	for i := range 5 {
		publish(t, h, "", fmt.Sprint(i))
	}
	var last hub.ID
	var got []string
	for e := range slow.Events() {
		got, last = append(got, string(e.Data())), e.ID()
	}
	if diff := cmp.Diff([]string{"0", "1"}, got); diff != "" || !errors.Is(slow.Err(), hub.ErrSlow) {
		t.Fatalf("slow subscriber got %v, ended with %v", got, slow.Err())
	}
	again := subscribe(t, h, hub.SubscribeOptions{LastEventID: last.LastEventID()})
	if diff := cmp.Diff([]string{"2", "3", "4"}, texts(again.Replay())); diff != "" {
		t.Error(diff)
	}
	if replay := again.Replay(); replay != nil {
		t.Errorf("a replay can be had twice: %v", replay)
	}
	again.Close()
	if stats := h.Stats(); stats.Slow != 1 || stats.Resumed != 1 {
		t.Errorf("counted %+v", stats)
	}
}

func TestStatusForNewSubscribers(t *testing.T) {
	h, _ := runHub(t, hub.Options{})
	status := func(state hub.State) {
		if _, err := h.Publish(t.Context(), hub.Message{Status: &hub.Status{State: state}}); err != nil {
			t.Fatal(err)
		}
	}
	replay := func(lastEventID string) string {
		s := subscribe(t, h, hub.SubscribeOptions{LastEventID: hub.ParseLastEventID(lastEventID)})
		defer s.Close()
		var got []string
		for _, e := range s.Replay() {
			text := string(e.Data())
			if _, rest, ok := strings.Cut(text, `"state":"`); ok {
				text, _, _ = strings.Cut(rest, `"`)
			}
			got = append(got, text)
		}
		return strings.Join(got, " ")
	}
	one := publish(t, h, "", "1")
	status(hub.Stale)
	if got := replay(""); got != "1 stale" {
		t.Errorf("fresh join while stale: %q", got)
	}
	if got := replay(one.String()); got != "stale" {
		t.Errorf("resume while stale: %q", got)
	}
	status(hub.Live)
	if got := replay(""); got != "1" {
		t.Errorf("fresh join while live: %q", got)
	}
	// A client that left while the stream was stale must learn that it is live again.
	if got := replay(one.String()); got != "live" {
		t.Errorf("resume after it was live again: %q", got)
	}
	two := publish(t, h, "", "2")
	if got := replay(two.String()); got != "" {
		t.Errorf("resume at the newest: %q", got)
	}
}

func TestContextEndsSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, hub.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		s, err := h.Subscribe(ctx, hub.SubscribeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, ok := <-s.Events(); ok || !errors.Is(s.Err(), hub.ErrClosed) {
			t.Errorf("ended with %v", s.Err())
		}
		if _, err := h.Subscribe(ctx, hub.SubscribeOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("subscribing with a context that is over: %v", err)
		}
	})
}

func TestRunReturnsTheLogsError(t *testing.T) {
	broken := errors.New("broken")
	h := newHub(t, hub.Options{Log: brokenLog{broken}})
	s := subscribe(t, h, hub.SubscribeOptions{})
	if err := h.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Run returned %v", err)
	}
	if _, ok := <-s.Events(); ok || !errors.Is(s.Err(), hub.ErrClosed) {
		t.Errorf("subscription ended with %v", s.Err())
	}
}

type brokenLog struct{ err error }

func (l brokenLog) Append(context.Context, hub.Message) (hub.ID, error) { return hub.ID{}, l.err }
func (l brokenLog) Tail(context.Context, func(hub.Batch) error) error   { return l.err }

// Two hubs on one log are two nodes of a cluster. An ID of one is valid at the other,
// and an ID that the other has not seen yet is ahead there.
func TestTwoHubsShareOneTimeline(t *testing.T) {
	log := hub.NewMemoryLog()
	one, _ := runHub(t, hub.Options{Log: log})
	first := publish(t, one, "", "1")
	publish(t, one, "", "2")
	two, _ := runHub(t, hub.Options{Log: log})
	publish(t, two, "", "3")
	s := subscribe(t, two, hub.SubscribeOptions{LastEventID: first.LastEventID()})
	defer s.Close()
	if diff := cmp.Diff([]string{"2", "3"}, texts(s.Replay())); diff != "" {
		t.Error(diff)
	}
}

// If the log loses events or begins a new epoch, each subscriber learns that once.
func TestGapsAndEpochs(t *testing.T) {
	log := hubtest.NewScript("one")
	h, _ := runHub(t, hub.Options{Log: log})
	for _, test := range []struct {
		name    string
		rupture func()
		reason  string
	}{
		{"gap", func() { log.Lose(3) }, "evicted"},
		{"restart", func() { log.Restart("two") }, "epoch"},
	} {
		last := publish(t, h, "", `"before"`)
		s := subscribe(t, h, hub.SubscribeOptions{})
		test.rupture()
		publish(t, h, "", `"after"`)
		if _, ok := <-s.Events(); ok || !errors.Is(s.Err(), hub.ErrGap) {
			t.Fatalf("%s: subscription ended with %v, want ErrGap", test.name, s.Err())
		}
		again := subscribe(t, h, hub.SubscribeOptions{LastEventID: last.LastEventID()})
		want := []string{`{"reason": "` + test.reason + `"}`, `"after"`}
		if diff := cmp.Diff(want, texts(again.Replay())); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
		again.Close()
	}
}

// Publish waits for Run, and nothing is lost meanwhile. A subscriber that came before
// gets everything, or resumes when the epoch is known, as if it came then.
func TestPublishBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, hub.Options{})
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		first, err := h.Publish(short, hub.Message{Data: []byte("1")})
		if err != nil || first.Seq() != 1 {
			t.Fatalf("stored, but nobody runs: %v, %v", first, err)
		}
		published := make(chan hub.ID)
		go func() {
			id, err := h.Publish(t.Context(), hub.Message{Data: []byte("2")})
			if err != nil {
				t.Error(err)
			}
			published <- id
		}()
		synctest.Wait()
		comes := subscribe(t, h, hub.SubscribeOptions{})
		returns := subscribe(t, h, hub.SubscribeOptions{LastEventID: first.LastEventID()})
		stats := h.Stats()
		if position := h.Position(); !position.IsZero() || !returns.Position().IsZero() || stats.Resets[hub.ReasonEpoch] != 0 {
			t.Errorf("nobody runs, and the hub knows more than it can: %v, %v, %+v", position, returns.Position(), stats)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.Run(ctx) }()
		second := <-published
		if second.Seq() != 2 || h.Position() != second {
			t.Errorf("ID %v, the hub is at %v", second, h.Position())
		}
		for _, want := range []string{"1", "2"} {
			if e := <-comes.Events(); string(e.Data()) != want {
				t.Errorf("got %s, want %s", e.Data(), want)
			}
		}
		if at := comes.Position(); at.Epoch() != first.Epoch() || at.Seq() != 0 {
			t.Errorf("who came began at %v", at)
		}
		if _, open := <-returns.Events(); open || !errors.Is(returns.Err(), hub.ErrGap) {
			t.Fatalf("who returns: ended with %v", returns.Err())
		}
		next, err := returns.Resume()
		if err != nil {
			t.Fatal(err)
		}
		defer next.Close()
		if diff := cmp.Diff([]string{"2"}, texts(next.Replay())); diff != "" || next.Position() != second {
			t.Errorf("who returned is at %v: %s", next.Position(), diff)
		}
		if stats := h.Stats(); stats.Subscribed != 2 || stats.Resumed != 1 || stats.Subscribers != 2 || stats.Gaps != 0 {
			t.Errorf("counted %+v", stats)
		}
		stop()
		<-ended
	})
}

// A further subscriber costs no allocation for each event.
func TestPublishAllocatesNothingForSubscribers(t *testing.T) {
	measure := func(subscribers int) float64 {
		h, _ := runHub(t, hub.Options{})
		var subscriptions []*hub.Subscription
		for range subscribers {
			s, err := h.Subscribe(context.Background(), hub.SubscribeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			subscriptions = append(subscriptions, s)
		}
		m := hub.Message{Data: []byte("1")}
		return testing.AllocsPerRun(200, func() {
			if _, err := h.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			for _, s := range subscriptions {
				<-s.Events()
			}
		})
	}
	if one, many := measure(1), measure(201); many-one > 2 {
		t.Errorf("%v allocations for one subscriber, %v for 201", one, many)
	}
}

// The log begins a new epoch after it stored an event and before it emitted it: the
// publisher must not wait for ever.
func TestPublishOutlivesAnEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &forgetfulLog{Script: hubtest.NewScript("one")}
		h := newHub(t, hub.Options{Log: log})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.Run(ctx) }()
		publish(t, h, "", "1")
		log.Restart("two")
		publish(t, h, "", "2")
		log.Restart("three")
		log.lose = true
		published := make(chan hub.ID)
		go func() { published <- publish(t, h, "", "lost") }()
		synctest.Wait()
		log.lose = false
		publish(t, h, "", "3")
		<-published
		stop()
		<-ended
	})
}

// forgetfulLog gives out IDs for events that it then loses.
type forgetfulLog struct {
	*hubtest.Script
	lose bool
}

func (l *forgetfulLog) Append(ctx context.Context, m hub.Message) (hub.ID, error) {
	if l.lose {
		return hub.NewID("forgotten", 1)
	}
	return l.Script.Append(ctx, m)
}

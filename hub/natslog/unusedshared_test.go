package natslog_test

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/beside"
	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// shareholder is a node of which the test says what it uses.
type shareholder struct {
	*natslog.Log
	hub     *hub.Hub
	streams atomic.Pointer[[]string]
	keys    atomic.Pointer[[]string]
	isFirst atomic.Bool
}

const unusedAfter = 50 * time.Millisecond

func newShareholder(t *testing.T, url string, streams ...string) *shareholder {
	t.Helper()
	s := new(shareholder)
	s.streams.Store(&streams)
	s.keys.Store(new([]string))
	s.Log = node(t, url, func(o *natslog.Options, _ *beside.Options) {
		o.Unused = unusedAfter
		o.Keep = func(name string) (events, bytes int) {
			if stream, _ := hub.SplitName(name); slices.Contains(*s.streams.Load(), stream) {
				return 100, 1 << 20
			}
			return 0, 0
		}
		o.Uses = func(key string) bool { return slices.Contains(*s.keys.Load(), key) }
		o.First = s.isFirst.Load
	})
	match, err := hub.NewKeyPattern("[a-z]+")
	if err != nil {
		t.Fatal(err)
	}
	s.hub, err = hub.New(hub.Options{Log: s.Log, Shared: true, Streams: []hub.StreamOptions{
		{Name: "a"}, {Name: "b"}, {Name: "k", Keys: &hub.KeyOptions{Match: match, Pushed: true}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s.hub)
	return s
}

// hasRead waits until a node has read everything.
func (s *shareholder) hasRead(t *testing.T, id hub.ID) {
	t.Helper()
	eventually(t, "the node has read everything", func() bool { return s.hub.Position().Seq() >= id.Seq() })
}

// stored returns the subjects with documents and statuses in JetStream.
func stored(t *testing.T, js jetstream.JetStream) []string {
	t.Helper()
	stream, err := js.Stream(t.Context(), natslog.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, filter := range []string{"pollux.d.>", "pollux.s.>"} {
		info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(filter))
		if err != nil {
			t.Fatal(err)
		}
		list = slices.AppendSeq(list, maps.Keys(info.State.Subjects))
	}
	slices.Sort(list)
	return list
}

// What no node uses leaves a log that several share, and what any of them uses stays. One node
// removes it.
func TestUnusedLeavesASharedLog(t *testing.T) {
	server := natstest.Start(t, "")
	js := operator(t, server.URL)
	a, b := newShareholder(t, server.URL, "a", "k"), newShareholder(t, server.URL, "a", "b", "k")
	a.isFirst.Store(true)
	b.keys.Store(&[]string{"k/used"})
	began := time.Now() // no event is older
	for _, name := range []string{"a", "b", "old", "k/used", "k/unused"} {
		if _, err := a.Append(t.Context(), hub.Message{Stream: name, Data: []byte("1")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Append(t.Context(), hub.Message{Stream: "k/unused", Status: &hub.Status{State: hub.Stale}}); err != nil {
		t.Fatal(err)
	}
	last := publish(t, a.hub, "a", "2")
	a.hasRead(t, last)
	b.hasRead(t, last)
	all := []string{"pollux.d.a", "pollux.d.b", "pollux.d.k.unused", "pollux.d.k.used", "pollux.d.old", "pollux.s.k.unused"}
	expect := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, stored(t, js)); diff != "" {
			t.Errorf("stored (-want +got)\n%s", diff)
		}
	}
	early := began.Add(unusedAfter - 1)
	a.Tidy(t.Context(), early)
	b.Tidy(t.Context(), early)
	expect(all...)

	time.Sleep(2 * unusedAfter)
	at := time.Now()
	b.Tidy(t.Context(), at) // which marks, and is not the first
	expect(all...)
	next := publish(t, b.hub, "a", "3")
	a.hasRead(t, next)
	a.Tidy(t.Context(), at)
	expect("pollux.d.a", "pollux.d.b", "pollux.d.k.used")
	b.Tidy(t.Context(), at.Add(unusedAfter)) // forgets
	expect("pollux.d.a", "pollux.d.b", "pollux.d.k.used")

	// What was removed comes back, and no node takes that for a loss.
	back := publish(t, b.hub, "k/unused", "2")
	a.hasRead(t, back)
	b.hasRead(t, back)
	if a.Stats().Missing+b.Stats().Missing+a.Stats().Foreign > 0 {
		t.Errorf("%+v, %+v", a.Stats(), b.Stats())
	}
	late := newShareholder(t, server.URL, "a", "b", "k")
	late.hasRead(t, back)
	for _, s := range []*shareholder{a, late} {
		if event, err := s.hub.Latest("k/unused"); err != nil || event == nil || string(event.Data()) != "2" {
			t.Errorf("%v, %v", event, err)
		}
		if event, err := s.hub.Latest("k/used"); err != nil || event == nil {
			t.Errorf("%v, %v", event, err)
		}
	}
	if late.Stats().Missing > 0 {
		t.Errorf("%+v", late.Stats())
	}
}

// A node publishes to a key that another one removes at the same moment. Its document stays.
func TestUnusedComesBackAmidRemoval(t *testing.T) {
	server := natstest.Start(t, "")
	js := operator(t, server.URL)
	a, b := newShareholder(t, server.URL, "k"), newShareholder(t, server.URL, "k")
	a.isFirst.Store(true)
	first := publish(t, b.hub, "k/x", "1")
	a.hasRead(t, first)
	time.Sleep(2 * unusedAfter)
	at := time.Now()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			a.Tidy(ctx, at)
		}
	}()
	var last hub.ID
	for range 20 {
		last = publish(t, b.hub, "k/x", "2")
	}
	stop()
	<-ended
	if got := stored(t, js); !slices.Contains(got, "pollux.d.k.x") {
		t.Errorf("stored: %v", got)
	}
	late := newShareholder(t, server.URL, "k")
	late.hasRead(t, last)
	if event, err := late.hub.Latest("k/x"); err != nil || event == nil || event.ID() != last {
		t.Errorf("%v, %v, want %v", event, err, last)
	}
}

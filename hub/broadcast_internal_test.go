package hub

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Publish returns when an event is part of history. AwaitBroadcast waits for the subscribers.
func TestAwaitBroadcast(t *testing.T) {
	h, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	s, err := h.Subscribe(ctx, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := h.AwaitBroadcast(ctx); err != nil {
		t.Errorf("with nothing published: %v", err)
	}

	s.group.mu.Lock() // the broadcast waits for it, and synctest would not call that waiting
	_, err = h.Publish(ctx, Message{Data: []byte("1")})
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	waited := h.AwaitBroadcast(short)
	s.group.mu.Unlock()
	if err != nil || !errors.Is(waited, context.DeadlineExceeded) {
		t.Errorf("published: %v; before the subscriber has the event: %v", err, waited)
	}
	if err := h.AwaitBroadcast(ctx); err != nil || len(s.Events()) != 1 {
		t.Errorf("afterwards: %v, and %d events", err, len(s.Events()))
	}
	stop()
	if err := errors.Join(<-ended, h.AwaitBroadcast(t.Context())); err != nil {
		t.Errorf("behind the end of the hub: %v", err)
	}
}

// subscribed returns a hub that does not run, whose steps the test takes one by one, and a
// subscriber.
func subscribed(t *testing.T, opts Options) (*Hub, *Subscription) {
	t.Helper()
	h, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.Subscribe(t.Context(), SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return h, s
}

// When a stream is removed, its subscribers get the events that are part of history before they
// get the last status, also if the broadcast of these events has not begun yet.
func TestRemovalBetweenRecordAndBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := subscribed(t, Options{})
		e, err := NewEvent(ID{"0123456789abcdef", 1}, time.Now(), Message{Stream: DefaultStream, Data: []byte("1")})
		if err != nil {
			t.Fatal(err)
		}
		h.apply(Batch{After: ID{"0123456789abcdef", 0}})
		batch := Batch{After: h.Position(), Events: []*Event{e}}
		broken := h.record(batch)
		removed := make(chan error)
		go func() { removed <- h.SetStreams(Named("another")) }()
		synctest.Wait()
		h.tell(batch, broken)
		if err := <-removed; err != nil {
			t.Error(err)
		}
		if first, last := <-s.Events(), <-s.Events(); first != e || last == nil || !last.IsLast() {
			t.Errorf("got %v, then %v", first, last)
		}
	})
}

// A status that the log tells while Override takes back another one is the last one that subscribers
// get.
func TestStatusAmidOverride(t *testing.T) {
	h, s := subscribed(t, Options{Shared: true})
	tells := func(seq uint64, state State) {
		t.Helper()
		e, err := NewEvent(ID{"0123456789abcdef", seq}, time.Now(), Message{Stream: DefaultStream, Status: &Status{State: state}})
		if err != nil {
			t.Fatal(err)
		}
		h.apply(Batch{After: h.Position(), Events: []*Event{e}})
	}
	h.apply(Batch{After: ID{"0123456789abcdef", 0}})
	tells(1, Stale)
	list := []retelling{{stream: h.streams.load(DefaultStream)}}
	h.makeNotices(list) // the first step of Override
	tells(2, Live)
	s.group.retell(list) // and the second one
	var got []State
	for len(s.Events()) > 0 {
		got = append(got, (<-s.Events()).state)
	}
	if len(got) != 3 || got[2] != Live {
		t.Errorf("a subscriber gets %v", got)
	}
}

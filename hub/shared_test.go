package hub_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// scripted runs a hub with the streams a and b on a log that does what the test wants.
func scripted(t *testing.T, opts hub.Options) (*hub.Hub, *hubtest.Script) {
	t.Helper()
	log := hubtest.NewScript("e")
	opts.Log, opts.Streams = log, hub.Named("a", "b")
	h, err := hub.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- h.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return h, log
}

func subscribeAfter(t *testing.T, h *hub.Hub, text string, streams ...string) *hub.Subscription {
	t.Helper()
	s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: streams, LastEventID: hub.ParseLastEventID(text)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func publishTo(t *testing.T, h *hub.Hub, stream, data string) {
	t.Helper()
	if _, err := h.Publish(t.Context(), hub.Message{Stream: stream, Data: []byte(data)}); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// wordsOf returns the documents of events, and the data of resets.
func wordsOf(events []*hub.Event) (list []string) {
	for _, e := range events {
		list = append(list, string(e.Data()))
	}
	return list
}

func wantTexts(t *testing.T, what string, got []*hub.Event, want ...string) {
	t.Helper()
	list := wordsOf(got)
	if len(list) != len(want) {
		t.Fatalf("%s: got %q, want %q", what, list, want)
	}
	for i := range want {
		if list[i] != want[i] {
			t.Fatalf("%s: got %q, want %q", what, list, want)
		}
	}
}

func TestLossOfOneStreamIsToldToItsSubscribersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, log := scripted(t, hub.Options{})
		publishTo(t, h, "a", "1")
		publishTo(t, h, "b", "2")
		ofA, ofB, ofBoth := subscribeAfter(t, h, "e-2", "a"), subscribeAfter(t, h, "e-2", "b"), subscribeAfter(t, h, "e-2", "a", "b")
		log.Hole(3)
		log.LoseOf("a", 5)
		publishTo(t, h, "a", "6")
		publishTo(t, h, "b", "7")

		wantTexts(t, "b alone", []*hub.Event{<-ofB.Events()}, "7")
		for _, one := range []struct {
			s    *hub.Subscription
			want []string
		}{
			{ofA, []string{`{"reason": "evicted"}`, "6"}},
			{ofBoth, []string{`{"reason":"evicted","stream":"a"}`, "6", "7"}},
		} {
			if _, open := <-one.s.Events(); open || !errors.Is(one.s.Err(), hub.ErrGap) {
				t.Fatalf("a subscription of a goes on over a loss of a: %v", one.s.Err())
			}
			next, err := one.s.Resume()
			if err != nil {
				t.Fatal(err)
			}
			wantTexts(t, "resumed", next.Replay(), one.want...)
			next.Close()
		}
		wantTexts(t, "b later", subscribeAfter(t, h, "e-2", "b").Replay(), "7")
		wantTexts(t, "a later", subscribeAfter(t, h, "e-2", "a").Replay(), `{"reason": "evicted"}`, "6")
		wantTexts(t, "a after the loss", subscribeAfter(t, h, "e-5", "a").Replay(), "6")
	})
}

func TestLossOfWhatSubscribersHaveEndsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, log := scripted(t, hub.Options{})
		publishTo(t, h, "a", "1")
		publishTo(t, h, "a", "2")
		s := subscribeAfter(t, h, "e-2", "a")
		log.LoseOf("a", 2)
		publishTo(t, h, "a", "3")
		if err := s.Err(); err != nil {
			t.Fatalf("a subscription ended that has what was lost: %v", err)
		}
		wantTexts(t, "a", []*hub.Event{<-s.Events()}, "3")
		wantTexts(t, "a later", subscribeAfter(t, h, "e-1", "a").Replay(), `{"reason": "evicted"}`, "3")
		wantTexts(t, "a after the loss", subscribeAfter(t, h, "e-2", "a").Replay(), "3")
	})
}

// toldLive is what a subscriber of stream a is told that resumes in a log that others share: it
// may have been told another state by one of them.
const toldLive = `{"stream":"a","state":"live","since":null,"lastSuccess":null,"error":null}`

func TestPositionAheadOfASharedLogWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, log := scripted(t, hub.Options{Shared: true})
		publishTo(t, h, "a", "1")
		s := subscribeAfter(t, h, "e-3", "a")
		wantTexts(t, "at first", s.Replay(), toldLive)
		if id := s.Position(); !id.IsZero() {
			t.Errorf("position is %v before the hub has read it", id)
		}
		for range 3 { // the log has given out more than this hub has read
			if err := log.Tell(t.Context(), 4); err != nil {
				t.Fatal(err)
			}
		}
		publishTo(t, h, "a", "2")
		synctest.Wait()
		if err := s.Err(); err != nil {
			t.Fatalf("it ended before its position was read: %v", err)
		}
		publishTo(t, h, "b", "3")
		if _, open := <-s.Events(); open || !errors.Is(s.Err(), hub.ErrGap) {
			t.Fatalf("it still waits: %v", s.Err())
		}
		publishTo(t, h, "a", "4")
		next, err := s.Resume()
		if err != nil {
			t.Fatal(err)
		}
		defer next.Close()
		wantTexts(t, "resumed", next.Replay(), toldLive, "4")
	})
}

func TestPositionThatASharedLogHasNeverGivenOutIsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, log := scripted(t, hub.Options{Shared: true})
		publishTo(t, h, "a", "1")
		s := subscribeAfter(t, h, "e-30", "a")
		if err := log.Tell(t.Context(), 1); err != nil { // may be older than the subscription
			t.Fatal(err)
		}
		synctest.Wait()
		if err := s.Err(); err != nil {
			t.Fatalf("it ended at the first head: %v", err)
		}
		if err := log.Tell(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		<-s.Events()
		next, err := s.Resume()
		if err != nil {
			t.Fatal(err)
		}
		defer next.Close()
		wantTexts(t, "resumed", next.Replay(), `{"reason": "ahead"}`, toldLive, "1")
	})
}

func TestRecoveredOnceTheHeadIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{Log: lagging{}})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- h.Run(t.Context()) }()
		t.Cleanup(func() {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		<-h.Recovered()
		if e, err := h.Latest(""); err != nil || e == nil || string(e.Data()) != "3" {
			t.Errorf("recovered with %v, %v", e, err)
		}
	})
}

// lagging is a log that had three events when it was opened, and tells them one by one.
type lagging struct{ hub.Log }

func (lagging) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	position := func(seq uint64) hub.ID {
		id, err := hub.NewID("e", seq)
		if err != nil {
			panic(err)
		}
		return id
	}
	if err := emit(hub.Batch{After: position(0), Head: position(3)}); err != nil {
		return err
	}
	for seq := range uint64(3) {
		e, err := hub.NewEvent(position(seq+1), time.Now(), hub.Message{Data: fmt.Append(nil, seq+1)})
		if err != nil {
			return err
		}
		time.Sleep(time.Second)
		if err := emit(hub.Batch{After: position(seq), Events: []*hub.Event{e}, Head: position(3)}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

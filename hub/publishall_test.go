package hub_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
)

func TestPublishAll(t *testing.T) {
	h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "b"), MaxData: 5})
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a", "b"}})
	ids, err := h.PublishAll(t.Context(), []hub.Message{
		{Stream: "a", Data: []byte("1")},
		{Stream: "nobody", Data: []byte("2")},
		{Stream: "b", Data: []byte("3")},
		{Stream: "b", Data: []byte("444444")},
		{Stream: "a", Data: []byte("5")},
	})
	if !errors.Is(err, hub.ErrUnknownStream) || !errors.Is(err, hub.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	var got []string
	for _, stored := range []bool{true, false, true, false, true} {
		id := ids[0]
		if ids = ids[1:]; id.IsZero() == stored {
			t.Errorf("ID %v, want stored %v", id, stored)
		} else if stored {
			e := <-s.Events()
			if got = append(got, string(e.Data())); e.ID() != id {
				t.Errorf("%s has the ID %v, want %v", e.Data(), e.ID(), id)
			}
		}
	}
	if diff := cmp.Diff([]string{"1", "3", "5"}, got); diff != "" {
		t.Error(diff)
	}
	if newest, err := h.Latest("a"); err != nil || string(newest.Data()) != "5" {
		t.Errorf("history has %v, %v", newest, err)
	}
	if ids, err := h.PublishAll(t.Context(), nil); err != nil || len(ids) != 0 {
		t.Errorf("nothing published: %v, %v", ids, err)
	}
}

// batchedLog counts the events of each batch.
type batchedLog struct {
	*hub.MemoryLog
	batches []int
}

func (l *batchedLog) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	return l.MemoryLog.Tail(ctx, func(batch hub.Batch) error {
		l.batches = append(l.batches, len(batch.Events))
		return emit(batch)
	})
}

// Messages that are published together are one broadcast.
func TestPublishAllIsOneBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &batchedLog{MemoryLog: hub.NewMemoryLog()}
		h := newHub(t, hub.Options{Log: log})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.Run(ctx) }()
		synctest.Wait()
		list := make([]hub.Message, 100)
		for i := range list {
			list[i].Data = []byte("1")
		}
		ids, err := h.PublishAll(ctx, list)
		if err != nil {
			t.Error(err)
		}
		if newest, err := h.Latest(""); err != nil || newest.ID() != ids[99] {
			t.Errorf("the newest is %v, %v", newest, err)
		}
		publish(t, h, "", "2")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]int{0, 100, 1}, log.batches); diff != "" {
			t.Error(diff)
		}
	})
}

// A log that is full takes more messages than it has room for, as Run reads them.
func TestPublishAllBeyondTheRoomOfTheLog(t *testing.T) {
	log := hub.NewMemoryLog()
	h := newHub(t, hub.Options{Log: log})
	ended := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- h.Run(ctx) }()
	publish(t, h, "", "0") // now Run reads the log
	list := make([]hub.Message, 3000)
	for i := range list {
		list[i].Data = []byte("1")
	}
	if ids, err := h.PublishAll(t.Context(), list); err != nil || len(ids) != 3000 || h.Stats().Published != 3001 {
		t.Errorf("%d IDs, %v, %d published", len(ids), err, h.Stats().Published)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	// After an error nothing further is stored.
	ids, err := log.AppendAll(t.Context(), []hub.Message{{Data: []byte("1")}, {}, {Data: []byte("3")}})
	if !errors.Is(err, hub.ErrInvalidMessage) || len(ids) != 1 {
		t.Errorf("%v, %v", ids, err)
	}
}

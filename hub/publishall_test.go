package hub_test

import (
	"errors"
	"testing"

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

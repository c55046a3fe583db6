package fanout

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/view"
)

// A client with a long replay does not occupy the writer, even if nothing of the replay is
// sent: other clients have their turn after two portions.
func TestLongReplayLetsOthersGoFirst(t *testing.T) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- h.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}()
	for n := range 250 { // one replay of the hub
		if _, err := h.Publish(ctx, hub.Message{Data: fmt.Appendf(nil, `{"n":%d}`, n)}); err != nil {
			t.Fatal(err)
		}
	}
	w := newIdleWriter(t, Options{Hub: h})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	begin, err := hub.ParseID(h.Position().Epoch() + "-0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.engine.Open(r, Request{LastEventID: begin.LastEventID(), View: view.View{Fields: []string{"/absent"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.writer, c.adopted, c.endAt = w, true, 1000
	// The first document is sent. The view sees no change in the others.
	if bufs, _ := c.gather(nil, true, nil); len(bufs) != 1 {
		t.Fatalf("%d documents in the first portion, want 1", len(bufs))
	}
	if at := c.announce(); !at.IsZero() {
		t.Errorf("amid its backlog the client is told that it stands at %v", at)
	}
	before := c.backlog.len()
	w.pump(c)
	if took := before - c.backlog.len(); took != 2*64 || !c.postponed {
		t.Errorf("took %d events of %d at once, postponed %v, want 128", took, before, c.postponed)
	}
}

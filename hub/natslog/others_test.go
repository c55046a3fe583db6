package natslog_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
)

// listening is a hub on a log, with a client of stream a that has its first document.
func listening(t *testing.T, log hub.Log) (*hub.Hub, *hub.Subscription) {
	t.Helper()
	h, err := hub.New(hub.Options{Log: log, Streams: hub.Named("a", "b")})
	if err != nil {
		t.Fatal(err)
	}
	run(t, h)
	s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return h, s
}

func publish(t *testing.T, h *hub.Hub, stream, data string) hub.ID {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	id, err := h.Publish(ctx, hub.Message{Stream: stream, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// What others send to the subjects is skipped, whatever it is, and nobody is reset.
func TestForeignMessagesAreSkipped(t *testing.T) {
	log := start(t, t.TempDir(), nil)
	h, s := listening(t, log)
	js := log.raw(t)
	publish(t, h, "a", "1")
	broken := nats.NewMsg("pollux.d.b")
	broken.Data = []byte(`{"half":`)
	broken.Header.Set("Pollux-Previous", "0")
	broken.Header.Set("Pollux-Sum", "0")
	odd := nats.NewMsg("pollux.d.a")
	odd.Header.Set("Pollux-Previous", "many")
	for _, msg := range []*nats.Msg{
		{Subject: "pollux.d.a", Data: []byte("foreign")}, odd, broken,
		{Subject: "pollux.d.=2a"}, {Subject: "pollux.d"}, {Subject: "pollux.x.a"}, {Subject: "pollux.s.a", Data: []byte("{}")},
	} {
		if _, err := js.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, h, "a", "2")
	for _, want := range []string{"1", "2"} {
		if e, open := <-s.Events(); !open || string(e.Data()) != want {
			t.Fatalf("got %v, want %s: %v", e, want, s.Err())
		}
	}
	eventually(t, "it has told everything", func() bool { return log.Stats().Lag == 0 })
	if got := log.Stats(); got.Foreign != 6 || got.Broken != 1 || got.Missing != 0 {
		t.Errorf("%d messages were foreign, %d broken and %d documents missing, want 6, 1 and 0", got.Foreign, got.Broken, got.Missing)
	}
}

// Whatever somebody does to the stream, a client gets a reset and then the next document,
// and the IDs of before are never given out again.
func TestStreamOfOthersHands(t *testing.T) {
	for what, do := range map[string]func(t *testing.T, log *rig) error{
		"purged": func(t *testing.T, log *rig) error {
			stream, err := log.raw(t).Stream(t.Context(), natslog.DefaultName)
			if err != nil {
				return err
			}
			return stream.Purge(t.Context())
		},
		"deleted": func(t *testing.T, log *rig) error { return log.raw(t).DeleteStream(t.Context(), natslog.DefaultName) },
		"made anew": func(t *testing.T, log *rig) error {
			js := log.raw(t)
			stream, err := js.Stream(t.Context(), natslog.DefaultName)
			if err != nil {
				return err
			}
			if err := js.DeleteStream(t.Context(), natslog.DefaultName); err != nil {
				return err
			}
			_, err = js.CreateStream(t.Context(), stream.CachedInfo().Config)
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			log := start(t, t.TempDir(), nil)
			h, s := listening(t, log)
			first := publish(t, h, "a", "1")
			if e := <-s.Events(); e.ID() != first {
				t.Fatalf("got %v", e.ID())
			}
			if err := do(t, log); err != nil {
				t.Fatal(err)
			}
			if _, open := <-s.Events(); open {
				t.Fatal("an event without a publisher")
			}
			eventually(t, "a new epoch", func() bool { return h.Position().Epoch() != first.Epoch() })
			second := publish(t, h, "a", "2")
			if second.Epoch() == first.Epoch() {
				t.Fatalf("%v follows %v in the same epoch", second, first)
			}
			next, err := s.Resume()
			if err != nil {
				t.Fatal(err)
			}
			defer next.Close()
			replay := next.Replay()
			if len(replay) != 2 || string(replay[0].Data()) != `{"reason": "epoch"}` || replay[1].ID() != second {
				t.Errorf("resumed with %v", replay)
			}
		})
	}
}

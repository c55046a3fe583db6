package natslog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// keeping bounds each stream.
func keeping(events, bytes int) func(*natslog.Options, *embedded.Options) {
	return func(o *natslog.Options, _ *embedded.Options) {
		o.Keep = func(string) (int, int) { return events, bytes }
	}
}

// tailing runs a Tail for the whole test, which trims.
func tailing(t *testing.T, log hub.Log) {
	t.Helper()
	h, err := hub.New(hub.Options{Log: log, Streams: hub.Named("busy", "quiet", "never")})
	if err != nil {
		t.Fatal(err)
	}
	run(t, h)
}

// run runs a hub until the test ends, and returns when it has read its log.
func run(t *testing.T, h *hub.Hub) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- h.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-h.Recovered():
	case <-time.After(patience):
		t.Fatal("the hub has not read its log")
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for began := time.Now(); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func count(batch hub.Batch, stream string) (n int) {
	for _, e := range batch.Events {
		if e.Stream() == stream && e.Kind() == hub.KindData {
			n++
		}
	}
	return n
}

// A busy stream is trimmed, and takes nothing from a quiet one. After a restart the hole is
// a loss of the busy stream alone, up to its last document that was removed.
func TestTrim(t *testing.T) {
	for what, bound := range map[string]func(*natslog.Options, *embedded.Options){
		"by number": keeping(20, 1<<30), "by size": keeping(1<<30, 20*150),
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			log := start(t, dir, bound)
			tailing(t, log)
			quiet := log.append(t, "quiet", `"quiet"`)
			var ids []hub.ID
			for i := range 200 {
				ids = append(ids, log.append(t, "busy", fmt.Sprint(i)))
			}
			eventually(t, "the busy stream is trimmed", func() bool { return count(all(t, log), "busy") <= 40 })
			log.stop(t)

			log = start(t, dir, bound)
			whole := all(t, log)
			kept := count(whole, "busy")
			if kept < 15 || count(whole, "quiet") != 1 || whole.Events[0].ID() != quiet {
				t.Fatalf("kept %d of the busy stream and %d of the quiet one", kept, count(whole, "quiet"))
			}
			want := hub.Loss{Stream: "busy", UpTo: ids[len(ids)-kept-1].Seq()}
			if len(whole.Lost) != 1 || whole.Lost[0] != want {
				t.Errorf("lost %v, want %v", whole.Lost, want)
			}
			h, err := hub.New(hub.Options{Log: log, Streams: hub.Named("busy", "quiet", "never")})
			if err != nil {
				t.Fatal(err)
			}
			run(t, h)
			for _, test := range []struct {
				after  hub.ID
				stream string
				want   int
				reset  bool
			}{
				{quiet, "quiet", 0, false},
				{ids[50], "quiet", 0, false},
				{ids[50], "never", 0, false},
				{ids[50], "busy", 2, true},
				{ids[len(ids)-kept-1], "busy", kept, false},
				{ids[len(ids)-2], "busy", 1, false},
			} {
				s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{test.stream}, LastEventID: test.after.LastEventID()})
				if err != nil {
					t.Fatal(err)
				}
				replay := s.Replay()
				s.Close()
				reset := len(replay) > 0 && replay[0].Kind() == hub.KindReset
				if len(replay) != test.want || reset != test.reset {
					t.Errorf("%s after %v: %d events, reset %v; want %d, %v", test.stream, test.after, len(replay), reset, test.want, test.reset)
				}
			}
		})
	}
}

// Only the newest status of a stream is kept.
func TestOldStatusesAreRemoved(t *testing.T) {
	log := start(t, t.TempDir(), nil)
	tailing(t, log)
	for range 20 {
		if _, err := log.Append(t.Context(), hub.Message{Stream: "busy", Status: &hub.Status{State: hub.Stale}}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "old statuses are gone", func() bool { return len(all(t, log).Events) == 1 })
}

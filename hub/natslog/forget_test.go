package natslog_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// keyed runs a hub with stream k, of which as many keys may exist, and stream a.
func keyed(t *testing.T, log hub.Log, most int) *hub.Hub {
	t.Helper()
	match, err := hub.NewKeyPattern("[0-9]+")
	if err != nil {
		t.Fatal(err)
	}
	h, err := hub.New(hub.Options{Log: log, Streams: []hub.StreamOptions{{Name: "a"}, {Name: "k", Keys: &hub.KeyOptions{Match: match, Max: most, Pushed: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, h)
	return h
}

// subjects returns the subjects in the store but that of the root, and how many messages each has.
func (r *rig) subjects(t *testing.T) map[string]uint64 {
	t.Helper()
	stream, err := r.raw(t).Stream(t.Context(), natslog.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(">"))
	if err != nil {
		t.Fatal(err)
	}
	delete(info.State.Subjects, "pollux.root")
	return info.State.Subjects
}

func (r *rig) awaitSubjects(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	eventually(t, "the store has "+strings.Join(want, ", "), func() bool {
		return slices.Equal(slices.Sorted(maps.Keys(r.subjects(t))), want)
	})
}

// resume says what a client of a stream gets that comes back.
func resume(t *testing.T, h *hub.Hub, stream string, after hub.ID) (got string) {
	t.Helper()
	s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{stream}, LastEventID: after.LastEventID()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, e := range s.Replay() {
		if e.Kind() == hub.KindReset {
			got += "reset "
		}
		got += string(e.Data()) + "\n"
	}
	return got
}

// Keys that have ended leave the store, whatever came last there. Those that come back have lost
// what was before, and nothing else, also after a restart.
func TestKeysThatEndLeaveTheStore(t *testing.T) {
	dir := t.TempDir()
	log := start(t, dir, keeping(1000, 1<<20))
	h := keyed(t, log, 3)
	const keys = 200
	var ids []hub.ID
	for i := range keys {
		ids = append(ids, publish(t, h, fmt.Sprintf("k/%d", i), `"first"`))
	}
	if _, err := log.Append(t.Context(), hub.Message{Stream: "k/199", Status: &hub.Status{State: hub.Stale}}); err != nil {
		t.Fatal(err)
	}
	log.awaitSubjects(t, "pollux.d.k.197", "pollux.d.k.198", "pollux.d.k.199", "pollux.s.k.199", "pollux.f.k")

	// The same document again is another one. Somebody who has the one before has lost nothing.
	back := publish(t, h, "k/0", `"first"`)
	publish(t, h, "k/0", `"second"`)
	log.awaitSubjects(t, "pollux.d.k.198", "pollux.d.k.199", "pollux.s.k.199", "pollux.d.k.0", "pollux.f.k")
	for what, test := range map[string]struct {
		after hub.ID
		want  string
	}{
		"before it ended": {ids[0], "reset"}, "since it came back": {back, "second"},
	} {
		if got := resume(t, h, "k/0", test.after); !strings.Contains(got, test.want) || strings.Contains(got, "reset") != (test.want == "reset") {
			t.Errorf("%s: %s", what, got)
		}
	}
	epoch := h.Position().Epoch()
	log.stop(t)

	log = start(t, dir, keeping(1000, 1<<20))
	h = keyed(t, log, 3)
	if h.Position().Epoch() != epoch {
		t.Fatal("a new epoch has begun")
	}
	for _, test := range []struct {
		key   string
		after hub.ID
		want  string
	}{
		{"k/0", ids[0], "reset"}, {"k/0", back, "second"}, {"k/198", ids[198], ""}, {"k/5", ids[5], "reset"},
	} {
		got := resume(t, h, test.key, test.after)
		if !strings.Contains(got, test.want) || strings.Contains(got, "reset") != (test.want == "reset") {
			t.Errorf("%s after %v: %s, want %q", test.key, test.after, got, test.want)
		}
	}
	if got := log.Stats(); got.Missing > 0 || got.Foreign > 0 {
		t.Errorf("%d documents are missing, %d messages foreign", got.Missing, got.Foreign)
	}
}

// All keys end, so the newest message is one that is removed. The store is whole nevertheless.
func TestStoreIsWholeAfterAllKeysEnd(t *testing.T) {
	dir := t.TempDir()
	log := start(t, dir, keeping(1000, 1<<20))
	h := keyed(t, log, 10)
	first := publish(t, h, "a", "1")
	var last hub.ID
	for i := range 10 {
		last = publish(t, h, fmt.Sprintf("k/%d", i), `1`)
	}
	match, err := hub.NewKeyPattern("[a-z]+")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SetStreams([]hub.StreamOptions{{Name: "a"}, {Name: "k", Keys: &hub.KeyOptions{Match: match, Pushed: true}}}); err != nil {
		t.Fatal(err)
	}
	log.awaitSubjects(t, "pollux.d.a", "pollux.f.k")
	log.stop(t)
	log = start(t, dir, keeping(1000, 1<<20))
	h = keyed(t, log, 10)
	if next := publish(t, h, "a", "2"); next.Epoch() != first.Epoch() || next.Seq() <= last.Seq() {
		t.Errorf("%v comes after %v", next, last)
	}
}

// A stream that is not configured stays for a time, and leaves its floor when it goes.
func TestUnusedStreamsLeaveTheStore(t *testing.T) {
	dir := t.TempDir()
	configured := func(unused time.Duration, names ...string) func(*natslog.Options, *embedded.Options) {
		return func(o *natslog.Options, _ *embedded.Options) {
			o.Unused = unused
			o.Keep = func(stream string) (events, bytes int) {
				if name, _ := hub.SplitName(stream); slices.Contains(names, name) {
					return 100, 1 << 20
				}
				return 0, 0
			}
		}
	}
	log := start(t, dir, configured(0, "a", "b", "k"))
	h := keyed(t, log, 10)
	publish(t, h, "k/1", "1")
	publish(t, h, "a", "1")
	lost := log.append(t, "b", "1")
	if _, err := log.Append(t.Context(), hub.Message{Stream: "b", Status: &hub.Status{State: hub.Stale}}); err != nil {
		t.Fatal(err)
	}
	all := []string{"pollux.d.a", "pollux.d.k.1", "pollux.d.b", "pollux.s.b"}
	log.awaitSubjects(t, all...)
	log.stop(t)

	// Twice, because the time counts from the first.
	for range 2 {
		log = start(t, dir, configured(time.Hour, "a"))
		keyed(t, log, 10)
		log.awaitSubjects(t, append([]string{"pollux.f.b", "pollux.f.k"}, all...)...)
		if n := log.subjects(t)["pollux.f.b"]; n != 1 {
			t.Errorf("%d floors", n)
		}
		log.stop(t)
	}
	// k comes back in time.
	log = start(t, dir, configured(time.Hour, "a", "k"))
	h = keyed(t, log, 10)
	if e, err := h.Latest("k/1"); err != nil || e == nil {
		t.Errorf("k/1 is not back: %v", err)
	}
	log.stop(t)
	log = start(t, dir, configured(time.Millisecond, "a", "k"))
	keyed(t, log, 10)
	log.awaitSubjects(t, "pollux.d.a", "pollux.d.k.1", "pollux.f.b", "pollux.f.k")
	log.stop(t)

	// b comes back too late.
	log = start(t, dir, configured(0, "a", "b", "k"))
	h, err := hub.New(hub.Options{Log: log, Streams: hub.Named("a", "b")})
	if err != nil {
		t.Fatal(err)
	}
	run(t, h)
	before, err := hub.NewID(lost.Epoch(), lost.Seq()-1)
	if err != nil {
		t.Fatal(err)
	}
	if got := resume(t, h, "b", before); !strings.Contains(got, "reset") {
		t.Errorf("a client of b gets %q, and has lost a document", got)
	}
	if got := resume(t, h, "a", before); strings.Contains(got, "reset") {
		t.Errorf("a client of a gets %q", got)
	}
}

package natslog_test

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
)

// A process that is killed while it removes old documents may leave the oldest one. The store is
// whole if it was to be removed as well. Without that the hole is damage.
func TestHoleOfAKilledTrim(t *testing.T) {
	for name, test := range map[string]struct {
		subject string // of the note, if there is one
		before  int    // the document before which they are removed
		whole   bool
	}{
		"a trim": {"pollux.t.a", 5, true}, "a trim of less": {"pollux.t.a", 3, false}, "a trim of another stream": {"pollux.t.b", 5, false},
		"a floor": {"pollux.f.a", 4, true}, "nothing": {"", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log := start(t, dir, keeping(1000, 1<<20))
			var ids []hub.ID
			for i := range 10 {
				ids = append(ids, log.append(t, "a", fmt.Sprint(i)))
			}
			js := log.raw(t)
			stream, err := js.Stream(t.Context(), natslog.DefaultName)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids[2:5] {
				if err := stream.DeleteMsg(t.Context(), id.Seq()); err != nil {
					t.Fatal(err)
				}
			}
			if test.subject != "" {
				note := nats.NewMsg(test.subject)
				note.Header.Set("Pollux-Previous", fmt.Sprint(ids[test.before].Seq()))
				note.Header.Set("Pollux-Sum", "0")
				if _, err := js.PublishMsg(t.Context(), note); err != nil {
					t.Fatal(err)
				}
			}
			log.stop(t)

			log = start(t, dir, keeping(1000, 1<<20))
			h := keyed(t, log, 1)
			if whole := h.Position().Epoch() == ids[0].Epoch(); whole != test.whole {
				t.Fatalf("the store is whole: %v, want %v", whole, test.whole)
			}
			if !test.whole {
				return
			}
			if got := resume(t, h, "a", ids[0]); got[:5] != "reset" {
				t.Errorf("a client before the hole gets %s", got)
			}
			if got := resume(t, h, "a", ids[6]); got != "7\n8\n9\n" {
				t.Errorf("a client behind the hole gets %q", got)
			}
		})
	}
}

// Documents that come back after they were to be removed are removed again, and do not count as kept:
// nothing is removed up to an earlier document than before, which would make damage of their hole.
func TestDocumentsThatComeBackAreRemovedAgain(t *testing.T) {
	dir := t.TempDir()
	log := start(t, dir, keeping(1000, 1<<20))
	var ids []hub.ID
	for i := range 100 {
		ids = append(ids, log.append(t, "busy", fmt.Sprint(i)))
	}
	js := log.raw(t)
	stream, err := js.Stream(t.Context(), natslog.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids[60:80] { // of those before 80, the first 60 come back
		if err := stream.DeleteMsg(t.Context(), id.Seq()); err != nil {
			t.Fatal(err)
		}
	}
	note := nats.NewMsg("pollux.t.busy")
	note.Header.Set("Pollux-Previous", fmt.Sprint(ids[80].Seq()))
	note.Header.Set("Pollux-Sum", "0")
	if _, err := js.PublishMsg(t.Context(), note); err != nil {
		t.Fatal(err)
	}
	log.stop(t)

	bound := keeping(50, 1<<20)
	log = start(t, dir, bound)
	tailing(t, log)
	eventually(t, "what came back is removed", func() bool { return count(all(t, log), "busy") == 20 })
	log.stop(t)
	log = start(t, dir, bound)
	whole := all(t, log)
	if first := whole.Events[0].ID(); first != ids[80] {
		t.Errorf("the first document is %s, want %s", first, ids[80])
	}
}

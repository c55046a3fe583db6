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

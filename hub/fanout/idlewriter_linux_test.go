package fanout

import (
	"log/slog"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

// newIdleWriter returns a writer that does not run, of an engine with these options. The hub is a
// new one unless the options have one.
func newIdleWriter(t *testing.T, opts Options) *writer {
	t.Helper()
	if opts.Hub == nil {
		h, err := hub.New(hub.Options{})
		if err != nil {
			t.Fatal(err)
		}
		opts.Hub = h
	}
	opts.Logger = slog.New(slog.DiscardHandler)
	e, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWriter(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.yielder.close()
		w.poll.close()
	})
	return w
}

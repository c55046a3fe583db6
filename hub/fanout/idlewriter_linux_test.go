package fanout

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/sys/unix"

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

// openWithSocket opens a client whose connection is one end of a pair of sockets. It returns the
// descriptor of the other end too, which is closed when the test ends.
func openWithSocket(t *testing.T, e *Engine) (c *Client, far int) {
	t.Helper()
	c, err := e.Open(httptest.NewRequest(http.MethodGet, "/", http.NoBody), Request{})
	if err != nil {
		t.Fatal(err)
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDescriptor(ends[1]) })
	c.fd = ends[0]
	return c, ends[1]
}

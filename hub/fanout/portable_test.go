package fanout

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

// Why a stream ends of which a write has failed.
func TestReasonOfAFailedWrite(t *testing.T) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := New(Options{Hub: h, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	p := &portable{client: &Client{engine: engine}}
	written := func(err error) error {
		return &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", err)}
	}
	for _, test := range []struct {
		err  error
		want EndReason
	}{
		{written(syscall.ETIMEDOUT), ReasonSlow},
		{&net.OpError{Op: "write", Err: os.ErrDeadlineExceeded}, ReasonSlow},
		{written(syscall.EPIPE), ReasonGone},
		{written(syscall.ECONNRESET), ReasonGone},
		{io.ErrClosedPipe, ReasonGone},
		{fmt.Errorf("flush: %w", http.ErrNotSupported), ReasonError},
	} {
		if got := p.failed(t.Context(), test.err); got != test.want {
			t.Errorf("%v: %s, want %s", test.err, got, test.want)
		}
	}
}

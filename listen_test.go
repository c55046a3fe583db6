package pollux

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// How long a connection may take for a request, and be idle, and how much it may send.
func TestBoundsOfTheServer(t *testing.T) {
	p := newPollux(t, Options{Listen: []string{"127.0.0.1:0"}})
	if s := p.server; s.ReadHeaderTimeout != 10*time.Second || s.IdleTimeout != 2*time.Minute {
		t.Errorf("headers have %v, idle connections %v", s.ReadHeaderTimeout, s.IdleTimeout)
	}
	stop := run(t, p)
	for bytes, want := range map[int]int{100 << 10: http.StatusOK, 200 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Addr().String()+"/livez", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Filler", strings.Repeat("x", bytes))
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%d bytes of headers: %s, want %d", bytes, resp.Status, want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// An address that is taken is named, and what was bound before it is given back.
func TestListenError(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := listentest.FreeAddress(t)
	reload := func() (any, error) { return nil, errors.ErrUnsupported }
	for _, test := range []struct {
		opts   Options
		option string
	}{
		{Options{Listen: []string{taken.Addr().String()}}, "Listen"},
		{Options{Listen: []string{free}, AdminListen: taken.Addr().String(), Admin: handlers.AdminOptions{Reload: reload}}, "AdminListen"},
	} {
		err := newPollux(t, test.opts).Run(t.Context())
		wrong, ok := errors.AsType[*ListenError](err)
		if !ok || wrong.Option != test.option || wrong.Address != taken.Addr().String() || !strings.Contains(err.Error(), "want a free address") {
			t.Errorf("%s: %v", test.option, err)
		}
	}
	again, err := net.Listen("tcp", free)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
}

// The end does not wait for a name server, and neither does the answer to a signal
// during the start.
func TestEndWhileANameIsLookedUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := newPollux(t, Options{Listen: []string{"a-name-that-is-not.invalid:0"}, Public: true}).Listen(ctx)
	if _, wrong := errors.AsType[*ListenError](err); wrong || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

package fanout_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/fanout/view"
)

// An address can have a quarter of the views, and at least one, so that none takes all of
// them. A view that its clients have left can be taken again.
func TestViewsAreShared(t *testing.T) {
	for limit, share := range map[int]int{1: 1, 2: 1, 8: 2, 64: 16} {
		h, err := hub.New(hub.Options{})
		if err != nil {
			t.Fatal(err)
		}
		opts := fanout.Options{Hub: h, MaxViews: limit}
		if limit == 64 {
			opts.MaxViews = 0 // the default
		}
		engine, err := fanout.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		open := func(address string, n int) (*fanout.Client, error) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			return engine.Open(r, fanout.Request{Address: netip.MustParseAddr(address), View: view.View{Fields: []string{fmt.Sprintf("/%d", n)}}})
		}
		var clients []*fanout.Client
		must := func(c *fanout.Client, err error) *fanout.Client {
			t.Helper()
			if err != nil {
				t.Fatalf("limit %d, %d clients: %v", limit, len(clients), err)
			}
			clients = append(clients, c)
			return c
		}
		mustNot := func(c *fanout.Client, err error) {
			t.Helper()
			if !errors.Is(err, view.ErrTooMany) && !errors.Is(err, view.ErrTooManyOfOne) {
				t.Errorf("limit %d: client %v, error %v, want too many views", limit, c, err)
			}
		}
		one := must(open("127.0.0.1", 0))
		for n := range share {
			must(open("127.0.0.1", n)) // the same twice is one view
		}
		mustNot(open("127.0.0.1", share))
		one.Close()
		one.Close()
		mustNot(open("127.0.0.1", share))

		// Views count for the address whose clients have them. No address can exceed its
		// share.
		if limit > share {
			must(open("2001:db8::1", share))
			mustNot(open("127.0.0.1", share))
			clients[1].Close() // the last of view 0
			must(open("127.0.0.1", share))
		}
		for n := 0; engine.Stats().Views < limit; n++ {
			must(open(fmt.Sprintf("192.0.2.%d", n), 1000+n))
		}
		mustNot(open("198.51.100.1", 999))
		if got := engine.Stats().Views; got != limit {
			t.Errorf("%d views, want %d", got, limit)
		}
		for _, c := range clients {
			c.Close()
		}
		if s := engine.Stats(); s.Views != 0 || s.Clients != 0 {
			t.Errorf("left: %+v", s)
		}
		for n := range share {
			must(open("127.0.0.1", 100+n)).Close()
		}
	}
}

// A client that is refused holds neither a place nor a view.
func TestRefusedClientsHoldNothing(t *testing.T) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := fanout.New(fanout.Options{Hub: h, MaxClients: 2, MaxViews: 2})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		fields := view.View{Fields: []string{fmt.Sprintf("/%d", n)}}
		if _, err := engine.Open(r, fanout.Request{Streams: []string{"unknown"}, View: fields}); !errors.Is(err, hub.ErrUnknownStream) {
			t.Errorf("an unknown stream: %v", err)
		}
		if _, err := engine.Open(r, fanout.Request{View: view.View{Fields: []string{"no pointer"}}}); !errors.Is(err, view.ErrInvalid) {
			t.Errorf("an invalid view: %v", err)
		}
	}
	if s := engine.Stats(); s.Clients != 0 || s.Views != 0 {
		t.Errorf("left: %+v", s)
	}
}

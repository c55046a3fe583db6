package fanout_test

import (
	"errors"
	"net/http"
	"net/netip"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/fanout/view"
)

// An address has so many places, for streams and held requests together, and gets each
// back when the connection is closed. Other addresses do not notice.
func TestPlacesOfAnAddress(t *testing.T) { everyWriter(t, testPlacesOfAnAddress) }

func testPlacesOfAnAddress(t *testing.T, start starter) {
	const most = 3
	r := start(hub.Options{}, fanout.Options{MaxClientsPerAddress: most})
	r.publish("1")
	open := func(address string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.engine.Open(req, fanout.Request{Address: netip.MustParseAddr(address)})
		if err == nil {
			c.Close()
			c.Close()
		}
		return err
	}
	release, err := r.engine.Admit(t.Context(), netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	clients := []*client{r.open(r.dial(), ""), r.open(r.dial(), "limit=9")} // from 127.0.0.1
	for range 2 {
		if err := open("127.0.0.1"); !errors.Is(err, fanout.ErrTooManyOfAddress) {
			t.Errorf("one client too many of the address: %v", err)
		}
		if _, err := r.engine.Admit(t.Context(), netip.MustParseAddr("127.0.0.1")); !errors.Is(err, fanout.ErrTooManyOfAddress) {
			t.Errorf("one held request too many of the address: %v", err)
		}
		if err := open("127.0.0.2"); err != nil {
			t.Errorf("another address: %v", err)
		}
	}
	for _, leave := range []func(){release, func() { _ = clients[0].conn.Close() }, func() { _ = clients[1].conn.Close() }} {
		before := r.engine.Stats().Clients
		leave()
		r.await("left", func(s fanout.Stats) bool { return s.Clients < before })
		if err := open("127.0.0.1"); err != nil {
			t.Errorf("a place is free: %v", err)
		}
	}
}

// The places of addresses are bounded by the clients, and those of an address that nobody
// knows are not bounded.
func TestPlacesOfNoAddress(t *testing.T) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := fanout.New(fanout.Options{Hub: h, MaxClientsPerAddress: 1, MaxViewsPerAddress: 3})
	if err != nil {
		t.Fatal(err)
	}
	var releases []func()
	for _, address := range []string{"", "", "2001:db8::1", "2001:db8:0:1::1", "192.0.2.1"} {
		parsed, _ := netip.ParseAddr(address)
		release, err := engine.Admit(t.Context(), parsed)
		if err != nil {
			t.Fatalf("%q: %v", address, err)
		}
		releases = append(releases, release)
	}
	if _, err := engine.Admit(t.Context(), netip.MustParseAddr("2001:db8::2:3:4:5")); !errors.Is(err, fanout.ErrTooManyOfAddress) {
		t.Errorf("a second client of one network of IPv6: %v", err)
	}
	if n := engine.Sites(); n != 3 {
		t.Errorf("%d addresses are counted, want 3", n)
	}
	for _, release := range releases {
		release()
	}
	if n := engine.Sites(); n != 0 {
		t.Errorf("%d addresses are counted although no client is left", n)
	}
}

// An address has as many views as the option says, however many there may be in all.
func TestViewsOfAnAddress(t *testing.T) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := fanout.New(fanout.Options{Hub: h, MaxViewsPerAddress: 2})
	if err != nil {
		t.Fatal(err)
	}
	open := func(address, field string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		c, err := engine.Open(req, fanout.Request{Address: netip.MustParseAddr(address), View: view.View{Fields: []string{field}}})
		if err == nil {
			t.Cleanup(c.Close)
		}
		return err
	}
	for _, test := range []struct {
		address, field string
		want           error
	}{
		{"2001:db8::1", "/a", nil},
		{"2001:db8::2", "/b", nil},
		{"2001:db8::3", "/a", nil},
		{"2001:db8::3", "/c", view.ErrTooManyOfOne},
		{"2001:db8:0:1::3", "/c", nil},
	} {
		if err := open(test.address, test.field); !errors.Is(err, test.want) {
			t.Errorf("%s, %s: %v, want %v", test.address, test.field, err, test.want)
		}
	}
}

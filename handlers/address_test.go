package handlers

import (
	"net/http"
	"net/netip"
	"testing"
)

// Only trusted proxies can set the address of a client.
func TestClientAddress(t *testing.T) {
	var proxies []netip.Prefix
	for _, network := range []string{"10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "fe80::/10"} {
		proxies = append(proxies, netip.MustParsePrefix(network))
	}
	for _, test := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "203.0.113.7:1", nil, "203.0.113.7"},
		{"a client that is no proxy is not believed", "203.0.113.7:1", []string{"198.51.100.1"}, "203.0.113.7"},
		{"IPv6", "[2001:db9::1]:1", nil, "2001:db9::1"},
		{"IPv4 in IPv6", "[::ffff:203.0.113.7]:1", nil, "203.0.113.7"},
		{"zone", "[fe81::1%eth0]:1", nil, "fe81::1"},
		{"no address", "@", []string{"198.51.100.1"}, "invalid IP"},
		{"nothing", "", nil, "invalid IP"},

		{"a proxy itself", "10.0.0.1:1", nil, "10.0.0.1"},
		{"behind a proxy", "10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"proxy in IPv6 notation", "[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"proxy with a zone", "[fe80::1%eth0]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"what the client claimed", "10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		{"several proxies", "10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1, 192.0.2.1,10.9.9.9"}, "198.51.100.1"},
		{"a trusted address that the client claimed", "10.0.0.1:1", []string{"10.0.0.2, 198.51.100.1"}, "198.51.100.1"},
		{"nothing but proxies", "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"repeated", "10.0.0.1:1", []string{"1.1.1.1", "198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"hop in IPv6", "10.0.0.1:1", []string{"2001:db9::5"}, "2001:db9::5"},
		{"hop in brackets", "10.0.0.1:1", []string{"[2001:db9::5]"}, "2001:db9::5"},
		{"hop with a port", "10.0.0.1:1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"hop in IPv6 with a port", "10.0.0.1:1", []string{"[2001:db9::5]:4711"}, "2001:db9::5"},
		{"hop with a zone", "10.0.0.1:1", []string{"fe81::5%eth1"}, "fe81::5"},
		{"proxy as a hop with a zone", "10.0.0.1:1", []string{"198.51.100.1, fe80::5%eth1"}, "198.51.100.1"},
		{"IPv4 in IPv6 as a hop", "10.0.0.1:1", []string{"1.1.1.1, ::ffff:198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},

		{"garbage", "10.0.0.1:1", []string{"unknown"}, "10.0.0.1"},
		{"garbage at the right", "10.0.0.1:1", []string{"198.51.100.1, _hidden"}, "10.0.0.1"},
		{"garbage behind a proxy", "10.0.0.1:1", []string{"198.51.100.1, x, 10.0.0.2"}, "10.0.0.2"},
		{"garbage further left", "10.0.0.1:1", []string{"x, 198.51.100.1"}, "198.51.100.1"},
		{"empty", "10.0.0.1:1", []string{""}, "10.0.0.1"},
		{"comma behind", "10.0.0.1:1", []string{"198.51.100.1,"}, "10.0.0.1"},
		{"open bracket", "10.0.0.1:1", []string{"[2001:db9::5"}, "10.0.0.1"},
		{"IPv4 with a zero in front", "10.0.0.1:1", []string{"198.051.100.1"}, "10.0.0.1"},
		{"a network", "10.0.0.1:1", []string{"198.51.100.0/24"}, "10.0.0.1"},
		{"a name", "10.0.0.1:1", []string{"localhost"}, "10.0.0.1"},
		{"spaces", "10.0.0.1:1", []string{" \t198.51.100.1 \t, 10.0.0.2 "}, "198.51.100.1"},
	} {
		r := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := clientAddress(r, proxies); got.String() != test.want {
			t.Errorf("%s: %s by %q is %v, want %s", test.name, test.peer, test.forwarded, got, test.want)
		}
		if got := clientAddress(r, nil); got.IsValid() && got != netip.MustParseAddrPort(test.peer).Addr().Unmap().WithZone("") {
			t.Errorf("%s: without proxies %s is %v", test.name, test.peer, got)
		}
	}
}

// Forwarded (RFC 7239) is read as X-Forwarded-For is.
func TestForwarded(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, test := range []struct {
		name      string
		forwarded []string
		want      string
	}{
		{"one hop", []string{"for=198.51.100.1"}, "198.51.100.1"},
		{"with others", []string{`by=_proxy;For="198.51.100.1:4711" ; proto=https;host="a,b;for=1.1.1.1"`}, "198.51.100.1"},
		{"IPv6", []string{`for="[2001:db8::5]"`}, "2001:db8::5"},
		{"IPv6 with a port", []string{`FOR="[2001:db8::5]:4711"`}, "2001:db8::5"},
		{"what the client claimed", []string{"for=1.1.1.1, for=198.51.100.1"}, "198.51.100.1"},
		{"several proxies", []string{"for=1.1.1.1", "for=198.51.100.1,for=10.0.0.2", `for="10.0.0.3"`}, "198.51.100.1"},
		{"a quote that the client left open", []string{`for="1.1.1.1, for=198.51.100.1`}, "198.51.100.1"},
		{"a quote with an escape", []string{`for="1.1.1.1\", for=198.51.100.1`}, "198.51.100.1"},
		{"an escape before the comma", []string{`for="1.1.1.1\, for=198.51.100.1;host="x\"\\"`}, "198.51.100.1"},
		{"empty elements of a hop", []string{";for=198.51.100.1;;"}, "198.51.100.1"},

		{"hidden", []string{"for=198.51.100.1, for=_hidden"}, "10.0.0.1"},
		{"unknown", []string{"for=unknown"}, "10.0.0.1"},
		{"hidden behind a proxy", []string{"for=198.51.100.1, for=unknown, for=10.0.0.2"}, "10.0.0.2"},
		{"without for", []string{"for=198.51.100.1, proto=https"}, "10.0.0.1"},
		{"for twice", []string{"for=198.51.100.1;for=198.51.100.1"}, "10.0.0.1"},
		{"no address", []string{"for=198.51.100.1, for="}, "10.0.0.1"},
		{"an open quote", []string{`for="198.51.100.1`}, "10.0.0.1"},
		{"a quote alone", []string{`for="`}, "10.0.0.1"},
		{"empty", []string{""}, "10.0.0.1"},
		{"comma behind", []string{"for=198.51.100.1,"}, "10.0.0.1"},
		{"a list like the other header", []string{"198.51.100.1"}, "10.0.0.1"},
	} {
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"Forwarded": test.forwarded}}
		if got := clientAddress(r, proxies); got.String() != test.want {
			t.Errorf("%s: %q is %v, want %s", test.name, test.forwarded, got, test.want)
		}
		r.RemoteAddr = "203.0.113.7:1"
		if got := clientAddress(r, proxies); got.String() != "203.0.113.7" {
			t.Errorf("%s: a client that is no proxy is believed: %v", test.name, got)
		}
	}
	for _, test := range []struct{ listed, forwarded, want string }{
		{"198.51.100.1", "for=198.51.100.1", "198.51.100.1"},
		{"1.1.1.1, 198.51.100.1", "for=1.2.3.4, for=198.51.100.1", "198.51.100.1"},
		{"198.51.100.1", "for=198.51.100.2", "10.0.0.1"},
		{"198.51.100.1", "for=unknown", "10.0.0.1"},
		{"", "for=198.51.100.1", "10.0.0.1"},
	} {
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {test.listed}, "Forwarded": {test.forwarded}}}
		if got := clientAddress(r, proxies); got.String() != test.want {
			t.Errorf("%q and %q: %v, want %s", test.listed, test.forwarded, got, test.want)
		}
	}
}

package handlers

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// An accepted origin has one spelling, and only a page of this machine counts as
// loopback.
func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{"https://example.com", "HTTP://LOCALHOST:080", "http://[::1]:3000", "http://127.0.0.1:1", "null", "*", "https://a:443", "http://[::ffff:7f00:1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseOrigin(text)
		if err != nil {
			return
		}
		written := o.scheme + "://" + o.host
		if o.port != "" {
			written += ":" + o.port
		}
		if again, err := parseOrigin(written); err != nil || again != o {
			t.Errorf("%q became %+v, and that %+v, %v", text, o, again, err)
		}
		u, err := url.Parse(written)
		if err != nil || *u != (url.URL{Scheme: u.Scheme, Host: u.Host}) || strings.ContainsAny(written, "\r\n\x00 *") {
			t.Errorf("%q became %q, which is no origin: %v", text, written, err)
		}
		if o.isLoopback() && u.Hostname() != "localhost" {
			address, err := netip.ParseAddr(u.Hostname())
			if err != nil || !address.Unmap().IsLoopback() {
				t.Errorf("%q is no page of this machine", text)
			}
		}
	})
}

// Decoding unreserved characters does not change the meaning of a path.
func FuzzDecodedPath(f *testing.F) {
	for _, seed := range []string{"/api/%73se", "/%2F%2f%2e%2E", "/%25%37%33", "%", "/%7", "/%%373", "/%zz", "/a%00", "/%C3%9F"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		plain := decodeUnreserved(path)
		want, err := url.PathUnescape(path)
		got, after := url.PathUnescape(plain)
		if err != nil {
			return // net/http refuses it
		}
		if after != nil || got != want {
			t.Errorf("%q became %q: %q, not %q", path, plain, got, want)
		}
		if strings.Count(plain, "/") != strings.Count(path, "/") || decodeUnreserved(plain) != plain {
			t.Errorf("%q became %q", path, plain)
		}
	})
}

// The address of a client is that of the peer, or one in the field.
func FuzzClientAddress(f *testing.F) {
	for _, seed := range [][2]string{{"10.0.0.1:1", "1.2.3.4, 10.0.0.2"}, {"[fe80::1%eth0]:1", "[::1]:5,x"}, {"@", "1.2.3.4"}, {"10.0.0.1:1", ",,,"}} {
		f.Add(seed[0], seed[1])
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		got := clientAddress(r, trusted)
		possible := []netip.Addr{{}}
		if both, err := netip.ParseAddrPort(peer); err == nil {
			possible = []netip.Addr{plainAddress(both.Addr())}
			for hop := range strings.SplitSeq(forwarded, ",") {
				if address, ok := parseHop(strings.TrimSpace(hop)); ok {
					possible = append(possible, address)
				}
			}
			if !isTrusted(possible[0], trusted) {
				possible = possible[:1]
			}
		}
		if !slices.Contains(possible, got) || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q by %q is %v", forwarded, peer, got)
		}
	})
}

// Whatever a client writes, the proxy behind it decides its address.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{"", `for="1.1.1.1`, `for="1.1.1.1\`, `for=1.1.1.1;host="`, `"`, `\`, ",", ";", `for="[::1]:1"`, "for=10.0.0.2"} {
		f.Add(seed)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, claimed string) {
		for added, want := range map[string]string{
			"for=198.51.100.1":                       "198.51.100.1",
			`proto=https;for="198.51.100.1:5"`:       "198.51.100.1",
			`for="[2001:db8::1]";host="x,\"for=1"`:   "2001:db8::1",
			"for=198.51.100.1, for=10.0.0.9":         "198.51.100.1",
			`for=198.51.100.1;by="\\", for=10.0.0.9`: "198.51.100.1",
		} {
			r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"Forwarded": {claimed + "," + added}}}
			if got := clientAddress(r, trusted); got.String() != want {
				t.Errorf("%q and then %q: %v, want %s", claimed, added, got, want)
			}
		}
	})
}

// A slip is similar to the intended name, in both directions.
func FuzzSlip(f *testing.F) {
	for _, seed := range []string{"streams", "filds", "_", "", "nonce", "Last-Event-ID", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		for _, rt := range []route{streamRoute, latestRoute} {
			meant := rt.nearest(written)
			if meant == "" {
				continue
			}
			there, back := editDistance(strings.ToLower(written), strings.ToLower(meant)), editDistance(strings.ToLower(meant), strings.ToLower(written))
			if there != back || there > maxEdits || 2*there >= min(len(written), len(meant)) {
				t.Errorf("%q for %s: %d and %d letters", written, meant, there, back)
			}
		}
	})
}

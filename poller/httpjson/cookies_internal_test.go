package httpjson

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzCookies looks for cookies that make more of the jar than its bounds allow, or that it
// has without knowing.
func FuzzCookies(f *testing.F) {
	for _, seed := range []string{
		"a=b", "a=b; Domain=example.com\na=c", "a=b; Domain=.example.com; Path=/x/", "a=; Max-Age=0", "a=b; Max-Age=99999999999", "a=b; Max-Age=9223372036",
		"a=b; Domain=co.uk", "a=b; Domain=127.0.0.1", "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=\"b c\"; Secure; HttpOnly", "a=b; Domain=example.com.", "a=b; Path=x",
		strings.Repeat("a=b\nc=d; Domain=example.com\n", 60), "a=" + strings.Repeat("x", 4095) + "\nb=" + strings.Repeat("x", 4096),
	} {
		f.Add(seed)
	}
	var places []*url.URL
	for _, text := range []string{"https://a.example.com/", "http://example.com/x/y", "https://127.0.0.1:8080", "https://[::1]/x", "https://shop.co.uk./a", "https://bücher.example/"} {
		place, err := url.Parse(text)
		if err != nil {
			f.Fatal(err)
		}
		places = append(places, place)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		c := newCookies()
		for i, line := range strings.Split(lines, "\n") {
			c.take(places[i%len(places)], &http.Response{Header: http.Header{"Set-Cookie": {line}}})
		}
		bytes, now := 0, time.Now()
		known := map[string]bool{}
		for id, k := range c.kept {
			bytes += k.size(id)
			known[id.name+"="+k.value] = true
			if (k.ends.IsZero() || k.ends.After(now.Add(time.Minute))) && !c.hasLocked(id, k.value) {
				t.Errorf("the jar does not have %+v", id)
			}
		}
		if len(c.kept) > maxCookies || bytes > maxCookieBytes || bytes != c.bytes {
			t.Errorf("%d cookies of %d bytes, counted as %d", len(c.kept), bytes, c.bytes)
		}
		for _, place := range places {
			for _, cookie := range c.jar.Cookies(place) {
				if !known[cookie.Name+"="+cookie.Value] {
					t.Errorf("the jar has %v, which does not count", cookie)
				}
			}
		}
	})
}

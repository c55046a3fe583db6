package httpjson_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/poller/httpjson"
)

func TestNewRefuses(t *testing.T) {
	const url = "http://upstream"
	for _, test := range []struct {
		name string
		opts httpjson.Options
		want string
	}{
		{"no URL", httpjson.Options{}, "URL: want an absolute http or https URL"},
		{"no scheme", httpjson.Options{URL: "upstream/prices"}, "URL: want an absolute http or https URL"},
		{"another scheme", httpjson.Options{URL: "ftp://upstream"}, "URL: want an absolute http or https URL"},
		{"no host", httpjson.Options{URL: "http:///prices"}, "URL: want an absolute http or https URL"},
		{"a port alone", httpjson.Options{URL: "http://:80/prices"}, "URL: want an absolute http or https URL"},
		{"an opaque URL", httpjson.Options{URL: "http:upstream"}, "URL: want an absolute http or https URL"},
		{"a broken URL", httpjson.Options{URL: "http://up stream"}, "URL: want an absolute http or https URL"},
		{"a line break", httpjson.Options{URL: "http://upstream/\r\nX: y"}, "URL: want an absolute http or https URL"},
		{"port 0", httpjson.Options{URL: "http://upstream:0"}, "URL: want a port from 1 to 65535"},
		{"port 65536", httpjson.Options{URL: "http://upstream:65536"}, "URL: want a port from 1 to 65535"},
		{"host header with a space", httpjson.Options{URL: url, Header: http.Header{"host": {"up stream"}}}, "header Host"},
		{"host header of a URL", httpjson.Options{URL: url, Header: http.Header{"Host": {"http://upstream"}}}, "header Host"},
		{"two host headers", httpjson.Options{URL: url, Header: http.Header{"Host": {"a", "b"}}}, "header Host"},
		{"no header name", httpjson.Options{URL: url, Header: http.Header{"": {"x"}}}, `header name ""`},
		{"header name with a space", httpjson.Options{URL: url, Header: http.Header{"A B": {"x"}}}, `header name "A B"`},
		{"header name with a line break", httpjson.Options{URL: url, Header: http.Header{"A\r\nB": {"x"}}}, `header name "A\r\nB"`},
		{"header value with a line break", httpjson.Options{URL: url, Header: http.Header{"A": {"x", "y\r\nB: z"}}}, "value of header A"},
		{"header of HTTP", httpjson.Options{URL: url, Header: http.Header{"transfer-encoding": {"chunked"}}}, "Transfer-Encoding cannot be set"},
		{"header of ours", httpjson.Options{URL: url, Header: http.Header{"If-None-Match": {"*"}}}, "If-None-Match cannot be set"},
		{"two users", httpjson.Options{URL: "http://a:b@upstream", Header: http.Header{"authorization": {"x"}}}, "both a user"},
		{"negative limit", httpjson.Options{URL: url, MaxBody: -1}, "MaxBody is -1, want 1 to 1073741824, or 0 for 1048576"},
		{"limit too high", httpjson.Options{URL: url, MaxBody: 1<<30 + 1}, "MaxBody is 1073741825"},
		{"user agent with a line break", httpjson.Options{URL: url, UserAgent: "a\nb"}, "UserAgent"},
		{"another method", httpjson.Options{URL: url, Method: "PUT"}, `Method is "PUT", want GET or POST`},
		{"method in lower case", httpjson.Options{URL: url, Method: "post"}, `Method is "post", want GET or POST`},
		{"GET with a body", httpjson.Options{URL: url, Body: []byte("{}")}, "a Body with GET"},
		{"body too large", httpjson.Options{URL: url, Method: "POST", Body: make([]byte, 1<<20+1)}, "Body has 1048577 bytes"},
		{"status of a redirect", httpjson.Options{URL: url, AcceptStatus: []int{503, 302}}, "AcceptStatus has 302: want a status that comes with a document"},
		{"unknown hint", httpjson.Options{URL: url, Respect: []httpjson.Hint{"retry-after"}}, `Respect has "retry-after", want one of ["max-age"`},
		{"redirect host with a scheme", httpjson.Options{URL: url, RedirectHosts: []string{"http://other"}}, `RedirectHosts has "http://other": want HOST or HOST:PORT`},
		{"redirect host with a path", httpjson.Options{URL: url, RedirectHosts: []string{"other/"}}, "RedirectHosts"},
		{"redirect host with a user", httpjson.Options{URL: url, RedirectHosts: []string{"a@other"}}, "RedirectHosts"},
		{"redirect host without a name", httpjson.Options{URL: url, RedirectHosts: []string{":80"}}, "RedirectHosts"},
		{"redirect host without a port", httpjson.Options{URL: url, RedirectHosts: []string{"other:"}}, "RedirectHosts"},
		{"redirect host with port 0", httpjson.Options{URL: url, RedirectHosts: []string{"other:0"}}, "RedirectHosts"},
		{"redirect host with port 65536", httpjson.Options{URL: url, RedirectHosts: []string{"other:65536"}}, "RedirectHosts"},
		{"empty redirect host", httpjson.Options{URL: url, RedirectHosts: []string{""}}, "RedirectHosts"},
		{"SOCKS proxy", httpjson.Options{URL: url, Proxy: "socks5://proxy"}, "Proxy: want an absolute http or https URL"},
		{"proxy without scheme", httpjson.Options{URL: url, Proxy: "proxy:3128"}, "Proxy: want an absolute http or https URL"},
		{"no prefix", httpjson.Options{URL: url, AllowPrivate: []netip.Prefix{{}}}, "AllowPrivate has invalid Prefix"},
		{"mapped prefix", httpjson.Options{URL: url, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}}, "AllowPrivate has ::ffff:10.0.0.0/104"},
		{"transport and guard", httpjson.Options{URL: url, Transport: http.DefaultTransport, DenyPrivate: true}, "would not obey"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := httpjson.New(test.opts)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}

	t.Run("all together", func(t *testing.T) {
		_, err := httpjson.New(httpjson.Options{URL: "ftp://x", MaxBody: -1, Header: http.Header{"Range": {"x"}}})
		if err == nil || strings.Count(err.Error(), "httpjson: ") != 3 {
			t.Errorf("%v, want three mistakes", err)
		}
	})
}

func TestNewAccepts(t *testing.T) {
	for _, opts := range []httpjson.Options{
		{URL: "http://upstream"},
		{URL: "HTTPS://Upstream:8443/a?b=c#d"},
		{URL: "http://user@upstream"},
		{URL: "http://[::1]:80/"},
		{URL: "http://upstream", MaxBody: 1},
		{URL: "http://upstream", MaxBody: 1 << 30},
		{URL: "http://upstream", Method: "GET"},
		{URL: "http://upstream", Method: "POST"},
		{URL: "http://upstream", Method: "POST", Body: make([]byte, 1<<20)},
		{URL: "http://upstream", RedirectHosts: []string{"other", "other:8443", "[::1]", "[::1]:65535"}},
		{URL: "http://upstream", Proxy: "HTTPS://user:password@proxy"},
		{URL: "http://upstream", Respect: []httpjson.Hint{}},
		{URL: "http://upstream", Header: http.Header{"X_Y.Z~1": {"tab\tand \xe9", ""}}},
	} {
		if _, err := httpjson.New(opts); err != nil {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}

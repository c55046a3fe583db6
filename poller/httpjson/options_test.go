package httpjson_test

import (
	"net/http"
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
		{"no URL", httpjson.Options{}, "no URL"},
		{"no scheme", httpjson.Options{URL: "upstream/prices"}, "neither http nor https"},
		{"another scheme", httpjson.Options{URL: "ftp://upstream"}, "neither http nor https"},
		{"no host", httpjson.Options{URL: "http:///prices"}, "no host"},
		{"a port alone", httpjson.Options{URL: "http://:80/prices"}, "no host"},
		{"an opaque URL", httpjson.Options{URL: "http:upstream"}, "no host"},
		{"a broken URL", httpjson.Options{URL: "http://up stream"}, "cannot be parsed"},
		{"a line break", httpjson.Options{URL: "http://upstream/\r\nX: y"}, "cannot be parsed"},
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
		{URL: "http://upstream", Header: http.Header{"X_Y.Z~1": {"tab\tand \xe9", ""}}},
	} {
		if _, err := httpjson.New(opts); err != nil {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}

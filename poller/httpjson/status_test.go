package httpjson_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// TestAcceptedStatus has a document with each status. Those beside 200 and 203 are
// documents where the options say so, and only 2xx gives validators: a 304 cannot stand
// for a 503.
func TestAcceptedStatus(t *testing.T) {
	for _, test := range []struct {
		status int
		accept []int
		want   string
		tagged bool
	}{
		{200, nil, "", true},
		{203, nil, "", true},
		{201, nil, "http_201", false},
		{201, []int{201}, "", true},
		{503, nil, "http_503", false},
		{503, []int{500, 503}, "", false},
		{502, []int{500, 503}, "http_502", false},
		{404, []int{404}, "", false},
	} {
		server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"a"`)
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, "{}")
		})
		got, err := get(t, httpjson.Options{URL: server.URL, AcceptStatus: test.accept})
		if class(t, err) != test.want {
			t.Errorf("%d: %v, want class %q", test.status, err, test.want)
		}
		if wantDocument := test.want == ""; wantDocument != (string(got.Document) == "{}") || test.tagged != (got.Version != poller.Version{}) {
			t.Errorf("%d: %+v", test.status, got)
		}
	}
}

// TestCheckStatus has statuses on each side of the bounds.
func TestCheckStatus(t *testing.T) {
	for status, want := range map[int]bool{
		-1: false, 0: false, 199: false, 200: true, 203: true, 204: false, 206: false, 207: true, 299: true,
		300: false, 304: false, 399: false, 400: true, 503: true, 599: true, 600: false,
	} {
		if err := httpjson.CheckStatus(status); (err == nil) != want {
			t.Errorf("%d: %v", status, err)
		}
	}
}

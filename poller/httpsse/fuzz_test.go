package httpsse_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/httpsse"
)

// canned answers each request with an event stream.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(bytes.NewReader(c)), Request: r,
	}, nil
}

// FuzzFlow reads any bytes as an event stream: it comes to an end, and whatever it says is
// within the limits and fit for what is made of it.
func FuzzFlow(f *testing.F) {
	for _, seed := range []string{
		"id: 1\ndata: {}\n\n", "retry: 99999999999999\n\n", "event: status\ndata: {\"state\":\"down\",\"stream\":\"a\",\"error\":\"X\"}\n\n",
		"event: reset\ndata: {\"reason\":\"epoch\",\"skipped\":-1}\n\n", "event: patch\ndata:\n\n", "\xef\xbb\xbfid: \x00\rdata\r\r", "data: \xff\n\n:", "event: a\ndata: 1\n\n",
	} {
		f.Add([]byte(seed))
	}
	const most = 64
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := httpsse.New(httpsse.Options{
			Options: httpjson.Options{URL: "http://a.example", Transport: canned(text), MaxBody: most}, Events: []string{"a", "message"},
		})
		if err != nil {
			t.Fatal(err)
		}
		flow, err := s.Open(t.Context(), "", func() {})
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; ; n++ {
			news, err := flow.Next()
			if n > len(text) {
				t.Fatal("more events than bytes")
			}
			if len(news.ID) > len(text)*3 || news.Retry < 0 || len(news.Reading.Document) > most {
				t.Fatalf("%+v", news)
			}
			if err != nil {
				if classed, ok := errors.AsType[*poller.Error](err); !errors.Is(err, io.EOF) && (!ok || !hub.IsErrorClass(classed.Class)) {
					t.Fatalf("%v", err)
				}
				break
			}
			said := 0
			for _, is := range []bool{news.Status != nil, news.Gap != "", news.Err != nil} {
				if is {
					said++
				}
			}
			if said > 1 || news.Status != nil && news.Status.State != hub.Live && news.Status.State != hub.Stale && news.Status.State != hub.Down {
				t.Fatalf("%+v", news)
			}
		}
		if err := flow.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := s.Open(t.Context(), string(text), func() {}) // an ID that may not be fit for a header
		if err != nil {
			t.Fatal(err)
		}
		_ = again.Close()
	})
}

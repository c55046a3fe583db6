package httpjson_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

func newKeyed(t *testing.T, opts httpjson.Options, batch bool) *httpjson.Keyed {
	t.Helper()
	k, err := httpjson.NewKeyed(opts, batch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func TestKeyedAsksForOneKey(t *testing.T) {
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		w.Header().Set("ETag", `"1"`)
		switch {
		case user != "me" || password != "secret":
			w.WriteHeader(http.StatusUnauthorized)
		case r.Header.Get("If-None-Match") == `"1"`:
			w.WriteHeader(http.StatusNotModified)
		case strings.HasSuffix(r.URL.Path, "/gone"):
			w.WriteHeader(http.StatusGone)
		default:
			fmt.Fprintf(w, "%q", r.URL.EscapedPath())
		}
	})
	k := newKeyed(t, httpjson.Options{URL: strings.Replace(server.URL, "http://", "http://me:secret@", 1) + "/price/{key}"}, false)
	first, err := k.FetchKeys(t.Context(), []string{"BTC?#"}, poller.Version{})
	if err != nil || string(first.Document) != `"/price/BTC%3F%23"` || first.Version.ETag != `"1"` {
		t.Fatalf("%s, %+v, %v", first.Document, first.Version, err)
	}
	second, err := k.FetchKeys(t.Context(), []string{"BTC?#"}, first.Version)
	if err != nil || !second.Unchanged {
		t.Errorf("%+v, %v, want unchanged", second, err)
	}
	_, err = k.FetchKeys(t.Context(), []string{"gone"}, poller.Version{})
	if got := class(t, err); got != "http_410" {
		t.Errorf("class %s, want http_410", got)
	}
	if text := fmt.Sprintf("%v %+v %#v", k, k, k); strings.Contains(text, "secret") {
		t.Errorf("the text of the source has the password: %s", text)
	}
	if stats := k.Stats(); stats.Requests != 3 {
		t.Errorf("%+v, want 3 requests", stats)
	}
}

func TestKeyedAsksForSeveralKeys(t *testing.T) {
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `[%q,%q,%q]`, r.Method, r.Header.Get("Content-Type"), body)
	})
	k := newKeyed(t, httpjson.Options{URL: server.URL, Method: http.MethodPost, Body: []byte(`{"ids":[{keys}]}`)}, true)
	reading, err := k.FetchKeys(t.Context(), []string{"a", `b"`}, poller.Version{})
	if want := `["POST","application/json","{\"ids\":[\"a\",\"b\\\"\"]}"]`; err != nil || string(reading.Document) != want {
		t.Errorf("%s, %v, want %s", reading.Document, err, want)
	}
}

// TestKeyedAsksAtOnce has two requests in flight that wait for each other.
func TestKeyedAsksAtOnce(t *testing.T) {
	var requests, both sync.WaitGroup
	both.Add(2)
	server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		both.Done()
		both.Wait()
		_, _ = io.WriteString(w, "1")
	})
	k := newKeyed(t, httpjson.Options{URL: server.URL + "/{key}", Parallel: 2}, false)
	for _, key := range []string{"a", "b"} {
		requests.Go(func() {
			if _, err := k.FetchKeys(t.Context(), []string{key}, poller.Version{}); err != nil {
				t.Error(err)
			}
		})
	}
	requests.Wait()
}

func TestKeyedFollowsRedirectsOfOneKey(t *testing.T) {
	other := upstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "1") })
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		default:
			_, _ = io.WriteString(w, "2")
		}
	})
	k := newKeyed(t, httpjson.Options{URL: server.URL + "/{key}"}, false)
	reading, err := k.FetchKeys(t.Context(), []string{"moved"}, poller.Version{})
	if err != nil || string(reading.Document) != "2" {
		t.Errorf("%s, %v", reading.Document, err)
	}
	_, err = k.FetchKeys(t.Context(), []string{"away"}, poller.Version{})
	if got := class(t, err); got != "redirect" {
		t.Errorf("class %q, want redirect", got)
	}
}

func TestKeyedIsGuarded(t *testing.T) {
	server := upstream(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	k := newKeyed(t, httpjson.Options{URL: server.URL + "/{key}", DenyPrivate: true}, false)
	_, err := k.FetchKeys(t.Context(), []string{"a"}, poller.Version{})
	if got := class(t, err); got != "forbidden_address" {
		t.Errorf("class %q, want forbidden_address", got)
	}
}

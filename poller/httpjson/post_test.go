package httpjson_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// TestPost checks how a POST arrives, also after redirects.
func TestPost(t *testing.T) {
	const query = `{"query":"{ builds { id } }"}`
	for _, test := range []struct {
		name     string
		header   http.Header
		body     string
		redirect int    // 0 means none
		to       string // "other" is a host that is allowed
		class    string
		want     []string // method, Content-Type, X-Api-Key, body
	}{
		{"a query", nil, query, 0, "", "", []string{"POST application/json key " + query}},
		{"another type", http.Header{"Content-Type": {"application/graphql"}}, "{a}", 0, "", "", []string{"POST application/graphql key {a}"}},
		{"nothing", nil, "", 0, "", "", []string{"POST  key "}},
		{"307 keeps it", nil, query, 307, "/b", "", []string{"POST application/json key " + query, "POST application/json key " + query}},
		{"308 keeps it", nil, query, 308, "/b", "", []string{"POST application/json key " + query, "POST application/json key " + query}},
		{"301 makes it a GET", nil, query, 301, "/b", "", []string{"POST application/json key " + query, "GET  key "}},
		{"303 makes it a GET", http.Header{"Content-Type": {"a/b"}}, query, 303, "/b", "", []string{"POST a/b key " + query, "GET  key "}},
		{"303 to another host", nil, query, 303, "other", "", []string{"POST application/json key " + query, "GET   "}},
		{"307 to another host", nil, query, 307, "other", "redirect", []string{"POST application/json key " + query}},
		{"308 to another host", nil, query, 308, "other", "redirect", []string{"POST application/json key " + query}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			note := func(r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = append(got, strings.Join([]string{r.Method, r.Header.Get("Content-Type"), r.Header.Get("X-Api-Key"), string(body)}, " "))
				if r.Header.Get("If-None-Match") != "" {
					t.Error("a conditional POST")
				}
			}
			other := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				note(r)
				_, _ = io.WriteString(w, `1`)
			})
			server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				note(r)
				if test.redirect != 0 && r.URL.Path != "/b" {
					w.Header().Set("Location", strings.Replace(test.to, "other", other.URL, 1))
					w.WriteHeader(test.redirect)
					return
				}
				w.Header().Set("ETag", `"v"`)
				_, _ = io.WriteString(w, `1`)
			})
			header := test.header.Clone()
			if header == nil {
				header = http.Header{}
			}
			header.Set("X-Api-Key", "key")
			s := newSource(t, httpjson.Options{
				URL: server.URL + "/a", Method: http.MethodPost, Body: []byte(test.body), Header: header,
				RedirectHosts: []string{other.Listener.Addr().String()},
			})
			reading, err := s.Fetch(t.Context(), poller.Version{ETag: `"v"`})
			if class(t, err) != test.class || reading.Version != (poller.Version{}) {
				t.Errorf("%v, version %+v, want class %q and none", err, reading.Version, test.class)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("arrived (-want +got)\n%s", diff)
			}
		})
	}
}

// TestNothingFollowsToAnotherHost checks every header there.
func TestNothingFollowsToAnotherHost(t *testing.T) {
	const secret = "hunter2"
	var arrived []http.Header
	var home string
	other := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		arrived = append(arrived, r.Header)
		http.Redirect(w, r, home+"/"+strconv.Itoa(len(arrived)), http.StatusFound)
	})
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			arrived = append(arrived, r.Header)
			_, _ = io.WriteString(w, `1`)
			return
		}
		http.Redirect(w, r, strings.Replace(other.URL, "http://", "http://a:b@", 1), http.StatusFound)
	})
	home = server.URL
	s := newSource(t, httpjson.Options{
		URL:           strings.Replace(server.URL, "http://", "http://ada:"+secret+"@", 1),
		UserAgent:     "mine/1",
		Header:        http.Header{"X-Api-Key": {secret}, "Cookie": {secret}, "Accept": {secret}, "Host": {"upstream"}},
		RedirectHosts: []string{other.Listener.Addr().String()},
	})
	if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
		t.Fatal(err)
	}
	plain := http.Header{"Accept": {"application/json, */*;q=0.5"}, "Accept-Encoding": {"gzip"}, "User-Agent": {"mine/1"}}
	if diff := cmp.Diff([]http.Header{plain, plain}, arrived); diff != "" {
		t.Errorf("arrived (-want +got)\n%s", diff)
	}
}

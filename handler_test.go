package pollux

import (
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/sse"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
	"github.com/polluxhub/pollux/static"
)

// mount serves p under /live of another server.
func mount(t *testing.T, p *Pollux, connContext func(context.Context, net.Conn) context.Context) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/live/", http.StripPrefix("/live", p.Handler()))
	mux.Handle("/bare", http.StripPrefix("/bare", p.Handler()))
	server := httptest.NewUnstartedServer(mux)
	server.Config.ConnContext = connContext
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// link finds what a page, a module or a style sheet refers to.
var link = regexp.MustCompile(`(?:(?:href|src)="|from '|import\('|new URL\('|fetch\('|@import ["'])([^"'#][^"']*)`)

// comment finds the lines of comments, whose examples are for pages of somebody else.
var comment = regexp.MustCompile(`(?m)^ *(/\*\*|\*).*$`)

// Under a prefix everything works that the page refers to, and so does everything that
// these files refer to.
func TestHandlerUnderAPrefix(t *testing.T) {
	p := newPollux(t, Options{Streams: []Stream{{Poll: poller.Stream{Source: &mock.Source{}, Every: time.Hour}}}})
	stop := run(t, p)
	server := mount(t, p, nil)
	base, err := url.Parse(server.URL + "/live/")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{base.String(): true}
	todo := []*url.URL{base}
	for _, name := range []string{"client/define.js", "client/tabs.js"} { // pages of others refer to these
		found[base.String()+name] = true
		todo = append(todo, base.JoinPath(name))
	}
	for ; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		resp := get(t, at.String())
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(at.Path, "/live/") {
			t.Errorf("GET %s: %s", at, resp.Status)
		}
		kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
		if kind == "text/event-stream" {
			if e, err := sse.NewDecoder(resp.Body).Next(); err != nil || len(e.Data) == 0 {
				t.Errorf("%s: %+v, %v", at, e, err)
			}
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		from := at
		switch kind {
		case "application/json", "image/svg+xml":
			continue
		case "text/javascript":
			if !strings.Contains(at.Path, "/client/") && !strings.Contains(at.Path, "/dashboard/") {
				from = base
			}
		}
		for _, match := range link.FindAllStringSubmatch(comment.ReplaceAllString(string(body), ""), -1) {
			target := match[1]
			if target == "react" || strings.Contains(target, "${") || target == "api/login" { // no file of this server, or for POST alone
				continue
			}
			if strings.HasPrefix(match[0], "fetch") {
				from = base
			}
			next, err := from.Parse(target)
			if err != nil {
				t.Fatal(err)
			}
			if !found[next.String()] && strings.HasPrefix(next.String(), server.URL) {
				found[next.String()] = true
				todo = append(todo, next)
			}
		}
	}
	// Only an editor reads files that have types alone.
	types := []string{"client/types.js", "client/owner.js"}
	err = fs.WalkDir(static.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && name != "index.html" && !slices.Contains(types, name) && !found[base.String()+name] {
			t.Errorf("nothing refers to %s", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, path := range []string{"api/sse", "api/latest", "api/streams"} {
		if !found[base.String()+path] {
			t.Errorf("nothing refers to %s", path)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// The prefix without a slash leads to the one with a slash, or else every link of the
// page would lead elsewhere.
func TestPrefixWithoutSlash(t *testing.T) {
	p := newPollux(t, Options{})
	for _, test := range []struct{ target, want string }{
		{"/bare", "./bare/"},
		{"/bare?stream=a%20b&x", "./bare/?stream=a%20b&x"},
		{"//elsewhere.example/bare", "./bare/"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.RequestURI, r.URL.Path = test.target, ""
		w := httptest.NewRecorder()
		p.Handler().ServeHTTP(w, r)
		if got := w.Header().Get("Location"); w.Code != http.StatusPermanentRedirect || got != test.want {
			t.Errorf("%s: %d, to %q, want %q", test.target, w.Code, got, test.want)
		}
	}
	if resp := get(t, mount(t, p, nil).URL+"/bare"); resp.StatusCode != http.StatusNotFound || resp.Request.URL.Path != "/bare/" {
		t.Errorf("%s at %s", resp.Status, resp.Request.URL) // the mux has no /bare/
	}
}

// In another server a stream is what it is in that of Run. With ConnContext, and on
// Linux, its connection leaves net/http.
func TestMountedStream(t *testing.T) {
	for name, with := range map[string]bool{"without ConnContext": false, "with ConnContext": true} {
		p := newPollux(t, Options{})
		stop := run(t, p)
		var connContext func(context.Context, net.Conn) context.Context
		if with {
			connContext = p.ConnContext
		}
		server := mount(t, p, connContext)
		id, err := p.Publish(t.Context(), "", map[string]int{"n": 1})
		if err != nil {
			t.Fatal(err)
		}
		stream := sse.NewDecoder(get(t, server.URL+"/live/api/sse").Body)
		if e, err := stream.Next(); err != nil || string(e.Data) != `{"n":1}` || e.ID != id.String() {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
		left := func() bool { return p.engine.Stats().HandedOver > 0 }
		want := with && runtime.GOOS == "linux"
		// The writers may have started after the first stream. Those after it end the wait.
		for want && !left() {
			if _, err := sse.NewDecoder(get(t, server.URL+"/live/api/sse?limit=1").Body).Next(); err != nil {
				t.Fatal(err)
			}
		}
		if left() != want {
			t.Errorf("%s: connections have left net/http: %v, want %v", name, left(), want)
		}
		server.CloseClientConnections()
		server.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}

package handlers_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/static"
)

// Each file is served unchanged, and nothing else is. TestHeaders checks the headers.
func TestAssets(t *testing.T) {
	r := newRig(t, setup{})
	for target, name := range map[string]string{
		"/": "index.html", "/?utm=1": "index.html", "/dashboard.css": "dashboard.css", "/client/pollux.js": "client/pollux.js",
	} {
		a, body := r.get(target)
		same(t, target, body, string(assets[name].Data))
		for _, header := range []string{a.header.Get("ETag"), "W/" + a.header.Get("ETag"), "*"} {
			again, body := r.get(target, "If-None-Match: "+header)
			same(t, "status", again.status, 304)
			same(t, "body", body, "")
		}
	}
}

// Attack: paths that lead out of the folder, or to the same file by another name. A
// file is looked up by its one path, and no path is opened.
func TestPathTraversal(t *testing.T) {
	r := newRig(t, setup{})
	for _, target := range []string{
		"/index.html", "/client", "/client/", "/client/pollux.js/", "//client/pollux.js", "/client//pollux.js",
		"/./dashboard.css", "/client/../dashboard.css", "/../dashboard.css", "/../../etc/passwd", "/..%2f..%2fetc/passwd",
		"/%2e%2e/%2e%2e/etc/passwd", "/client/%2e%2e/dashboard.css", "/client%2fpollux.js", "/%2564ashboard.css", "/client%5cpollux.js", "/client\\pollux.js",
		"/%2fetc/passwd", "/dashboard.css%00", "/dashboard.css%00.html", "/DASHBOARD.CSS", "/dashboard.css.", "/dashboard.css;a",
		"/.git/config", "/static.go", "/handlers/assets.go", "/*", "/:name", "//", "/api/../dashboard.css", "/api/", "/api/sse/",
		"/api/streams/", "/api//sse", "/api/streams/default", "/api/streams/default/events/", "/debug/pprof/", "/metrics",
	} {
		a, body := r.get(target)
		same(t, target, a.status, 404)
		same(t, target, body, `{"title":"Not Found","status":404,"detail":"No route has this path."}`)
	}
}

// An unreserved character means the same when it is encoded (RFC 3986 6.2.2.2), once.
// An encoded slash is not a slash.
func TestEncodedPaths(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{PollNow: func(string) (time.Time, error) { return time.Time{}, nil }}})
	r.broadcast("1")
	for target, want := range map[string]int{
		"/api/%73se?limit=1": 200, "/%61%70%69/%73%73%65?limit=1": 200, "/%61pi/latest": 200, "/api/stream%73": 200,
		"/%6Civez": 200, "/%6civez": 200, "/dashboard%2Ecss": 200, "/client/%70ollux.js": 200, "/%64ashboard.css": 200,
		"/api%2Fsse": 404, "/api%2fsse": 404, "/api/%2573se": 404, "/api/%25%37%33se": 404, "/api/s%00se": 404, "/api/sse%20": 404,
		"/api/sse%0D%0A": 404, "/api/%2E%2E/api/sse": 404, "/api/%C3%9Fse": 404, "/%61pi%2Fsse": 404, "/api/sse%3Flimit=1": 404, "/%2F%61pi/sse": 404,
		"/api/%7": 400, "/api/%zzse": 400, // by net/http
	} {
		a, _ := r.get(target)
		same(t, target, a.status, want)
	}
	for target, want := range map[string]int{
		"/api/streams/%64efault/events": 200, "/api/stream%73/default/event%73": 200, "/api/streams/default/%65vents": 200,
		"/api/streams/default%2Fevents": 404, "/api/streams%2Fdefault/events": 404, "/api/streams/%2564efault/events": 404,
		"/api/streams/default%2F/events": 404, "/api/streams/..%2Fdefault/events": 404, "/api/streams/x%2F..%2Fdefault/events": 404,
	} {
		a, _ := r.do(request("POST", target, authorized, "Content-Length: 1") + "1")
		same(t, target, a.status, want)
	}
	// Each spelling of the path needs the token.
	for _, target := range []string{"/api/streams/%64efault/events", "/api/streams/default/%65vents"} {
		a, _ := r.do(request("POST", target, "Content-Length: 1") + "1")
		same(t, target, a.status, 401)
	}
	a, _ := r.do(request("POST", "/api/streams/default/pol%6C", "Content-Length: 0"))
	same(t, "poll", a.status, 403)
}

// Each of the real files has a content type.
func TestRealAssets(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{Assets: static.Files}})
	for _, target := range []string{"/", "/dashboard.css", "/favicon.svg", "/client/pollux.js", "/client/delta.js", "/client/react.js"} {
		if a, body := r.get(target); a.status != 200 || body == "" {
			t.Errorf("%s: %s", target, a.head(t))
		}
	}
}

func TestAssetOfAnUnknownKind(t *testing.T) {
	r := newRig(t, setup{})
	_, err := handlers.New(handlers.Options{Hub: r.hub, Engine: r.engine, Assets: fstest.MapFS{"a/b.exe": {}}})
	if err == nil || err.Error() != "handlers: asset a/b.exe has no known content type" {
		t.Errorf("got %v", err)
	}
}

package handlers_test

import (
	"testing"
	"testing/fstest"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/static"
)

// What is in the file comes out, and nothing else is there. TestHeaders has the
// headers.
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

// Attack: paths that lead out of the folder, or to the same file by another
// name. Files are looked up by their one path, never opened.
func TestPathTraversal(t *testing.T) {
	r := newRig(t, setup{})
	for _, target := range []string{
		"/index.html", "/client", "/client/", "/client/pollux.js/", "//client/pollux.js", "/client//pollux.js",
		"/./dashboard.css", "/client/../dashboard.css", "/../dashboard.css", "/../../etc/passwd", "/..%2f..%2fetc/passwd",
		"/%2e%2e/%2e%2e/etc/passwd", "/client/%2e%2e/dashboard.css", "/client%2fpollux.js", "/%64ashboard.css", "/client%5cpollux.js", "/client\\pollux.js",
		"/%2fetc/passwd", "/dashboard.css%00", "/dashboard.css%00.html", "/DASHBOARD.CSS", "/dashboard.css.", "/dashboard.css;a",
		"/.git/config", "/static.go", "/handlers/assets.go", "/*", "/:name", "//", "/api/../dashboard.css", "/api/", "/api/sse/",
		"/api/streams/", "/api//sse", "/api/streams/default", "/api/streams/default/events/", "/debug/pprof/", "/metrics",
	} {
		a, body := r.get(target)
		same(t, target, a.status, 404)
		same(t, target, body, `{"title":"Not Found","status":404,"detail":"There is nothing at this path."}`)
	}
}

// The real files all have a content type.
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

package handlers_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/static"
)

const gzipAccepted = "Accept-Encoding: gzip, deflate, br"

func gunzip(t *testing.T, text string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// An asset has two forms, which caches and conditional requests distinguish.
func TestAssetsAreCompressed(t *testing.T) {
	script := strings.Repeat("export const answer = 42;\n", 100)
	files := fstest.MapFS{"index.html": {Data: []byte("short")}, "dashboard.js": {Data: []byte(script)}}
	r := newRig(t, setup{handlers: handlers.Options{Assets: files}})
	plain, body := r.get("/dashboard.js")
	same(t, "plain", body, script)
	same(t, "head", plain.head(t), lines("HTTP/1.1 200 OK", "Cache-Control: no-cache", "Content-Length: 2600",
		"Content-Security-Policy: "+csp, "Content-Type: text/javascript; charset=utf-8", "Etag: "+plain.header.Get("ETag"),
		"Referrer-Policy: no-referrer", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff"))
	for range 2 {
		packed, body := r.get("/dashboard.js", gzipAccepted)
		same(t, "unpacked", gunzip(t, body), script)
		same(t, "head", packed.head(t), lines("HTTP/1.1 200 OK", "Cache-Control: no-cache", "Content-Encoding: gzip", "Content-Length: "+strconv.Itoa(len(body)),
			"Content-Security-Policy: "+csp, "Content-Type: text/javascript; charset=utf-8", "Etag: W/"+plain.header.Get("ETag"),
			"Referrer-Policy: no-referrer", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff"))
		head, _ := r.do(request("HEAD", "/dashboard.js", gzipAccepted))
		same(t, "HEAD", head.head(t), packed.head(t))
	}
	for _, tag := range []string{plain.header.Get("ETag"), "W/" + plain.header.Get("ETag")} {
		for accept, want := range map[string]string{gzipAccepted: "W/" + plain.header.Get("ETag"), "Accept-Encoding: br": plain.header.Get("ETag")} {
			again, _ := r.get("/dashboard.js", accept, "If-None-Match: "+tag)
			same(t, "304", again.head(t), lines("HTTP/1.1 304 Not Modified", "Cache-Control: no-cache", "Content-Security-Policy: "+csp,
				"Etag: "+want, "Referrer-Policy: no-referrer", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff"))
		}
	}
	short, body := r.get("/", gzipAccepted)
	same(t, "short", body, "short")
	same(t, "Vary of what has one form", short.header.Get("Vary"), "")
}

// Each file of the browser arrives complete.
func TestRealAssetsAreCompressed(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{Assets: static.Files}})
	for _, target := range []string{"/", "/dashboard.css", "/client/pollux.js", "/client/react.js"} {
		_, plain := r.get(target)
		a, packed := r.get(target, gzipAccepted)
		if a.header.Get("Content-Encoding") != "gzip" || len(packed) > len(plain)*2/3 || gunzip(t, packed) != plain {
			t.Errorf("%s: %d bytes of %d\n%s", target, len(packed), len(plain), a.head(t))
		}
	}
}

// The newest document, whole and in part, has one identity in both forms: the ID of its
// event.
func TestLatestIsCompressed(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast(`"old"`)
	list, err := json.Marshal(map[string]any{"a": strings.Repeat("0123456789", 200), "b": strings.Repeat("x", 3000), "c": 1})
	if err != nil {
		t.Fatal(err)
	}
	id := r.broadcast(string(list)).String()
	for _, query := range []string{"", "?fields=/a", "?fields=/b,/a", "?fields=/b,/c", "?fields=/c"} {
		plain, body := r.get("/api/latest" + query)
		same(t, query, plain.head(t), lines("HTTP/1.1 200 OK", "Cache-Control: no-cache", "Content-Length: "+strconv.Itoa(len(body)),
			"Content-Type: application/json", `Etag: "`+id+`"`, "Pollux-Event-Time: TIME", "Pollux-Now: TIME", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff"))
		for range 2 {
			a, packed := r.get("/api/latest"+query, gzipAccepted)
			same(t, query+": ETag", a.header.Get("ETag"), `W/"`+id+`"`)
			if query == "?fields=/c" {
				same(t, query+": too short", a.header.Get("Content-Encoding"), "")
				same(t, query, packed, body)
				continue
			}
			same(t, query, a.head(t), lines("HTTP/1.1 200 OK", "Cache-Control: no-cache", "Content-Encoding: gzip", "Content-Length: "+strconv.Itoa(len(packed)),
				"Content-Type: application/json", `Etag: W/"`+id+`"`, "Pollux-Event-Time: TIME", "Pollux-Now: TIME", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff"))
			same(t, query, gunzip(t, packed), body)
			head, _ := r.do(request("HEAD", "/api/latest"+query, gzipAccepted))
			same(t, query+": HEAD", head.head(t), a.head(t))
		}
	}
	for _, condition := range []string{`If-None-Match: "` + id + `"`, `If-None-Match: W/"` + id + `"`, "If-None-Match: *"} {
		for accept, tag := range map[string]string{gzipAccepted: `W/"` + id + `"`, "Accept-Encoding: identity": `"` + id + `"`} {
			a, _ := r.get("/api/latest", accept, condition)
			same(t, condition, a.head(t), lines("HTTP/1.1 304 Not Modified", "Cache-Control: no-cache", "Etag: "+tag,
				"Pollux-Event-Time: TIME", "Pollux-Now: TIME", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff"))
		}
	}
	a, _ := r.get("/api/latest?after="+id, gzipAccepted)
	same(t, "after", a.status, 304)
	next := `"` + strings.Repeat("next ", 1000) + `"`
	r.broadcast(next)
	r.open("/api/sse", "Last-Event-ID: "+id).expect(next)
	_, body := r.get("/api/latest", gzipAccepted)
	same(t, "the next", gunzip(t, body), next)
}

// --compression=off turns all compression off.
func TestCompressionCanBeSwitchedOffEverywhere(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{DisableCompression: true, Assets: static.Files}})
	r.broadcast(`"` + strings.Repeat("x", 5000) + `"`)
	for _, target := range []string{"/", "/client/pollux.js", "/api/latest", "/api/sse?limit=1"} {
		a, body := r.get(target, gzipAccepted)
		if a.header.Get("Content-Encoding") != "" || strings.Contains(strings.Join(a.header["Vary"], ","), "Encoding") || strings.HasPrefix(a.header.Get("ETag"), "W/") ||
			bytes.HasPrefix([]byte(body), []byte{0x1f, 0x8b}) {
			t.Errorf("%s:\n%s", target, a.head(t))
		}
	}
}

// A document that is too large for the cache of compressed documents is sent
// uncompressed.
func TestLatestThatIsTooLargeToCompress(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{MaxData: 1 << 20}, handlers: handlers.Options{CompressedBytes: 4096}})
	var text strings.Builder
	for i := range 20_000 {
		text.WriteString(strconv.FormatInt(int64(i)*2_654_435_761, 36))
	}
	document := `"` + text.String() + `"`
	r.broadcast(document)
	for range 2 {
		a, body := r.get("/api/latest", gzipAccepted)
		same(t, "Content-Encoding", a.header.Get("Content-Encoding"), "")
		same(t, "whole", body == document, true)
	}
}

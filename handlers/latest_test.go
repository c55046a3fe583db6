package handlers_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// The document is the published one, byte for byte.
func TestLatest(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("default", "a")}})
	for _, document := range []string{
		`{"n":1.0e0,"big":12345678901234567890.10,"n":2}`, `"\u00e9é"`, `-0`, `1E400`, `null`, `[]`, "\"<&>\u2028\"",
	} {
		id := r.broadcast(document).String()
		a, body := r.get("/api/latest")
		same(t, "document", body, document)
		same(t, "ETag", a.header.Get("ETag"), `"`+id+`"`)
	}
	r.broadcastTo("a", "1")
	for _, target := range []string{"/api/latest?stream=a", "/api/latest?stream=a,a", "/api/latest?stream=a&stream=a"} {
		_, body := r.get(target)
		same(t, target, body, "1")
	}
	for _, target := range []string{"/api/latest?stream=a,default", "/api/latest?stream=a&stream=default"} {
		a, body := r.get(target)
		same(t, target, a.status, 400)
		same(t, target, body, `{"title":"Bad Request","status":400,"detail":"This route takes one stream. /api/sse takes several."}`)
	}
}

// The answer has the length of the document, whatever its size, for GET and for HEAD.
func TestLatestLength(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast(strings.Repeat("1", 100_000))
	for _, method := range []string{"GET", "HEAD"} {
		a, _ := r.do(request(method, "/api/latest"))
		same(t, "Content-Length", a.header.Get("Content-Length"), "100000")
		same(t, "Transfer-Encoding", a.header.Get("Transfer-Encoding"), "")
	}
}

// The ETag, without its quotes, is the Last-Event-ID with which the stream continues.
func TestLatestThenStream(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	a, _ := r.get("/api/latest")
	r.broadcast("2")
	tag := a.header.Get("ETag")
	r.open("/api/sse", "Last-Event-ID: "+tag[1:len(tag)-1]).expect("2")
}

func TestIfNoneMatch(t *testing.T) {
	r := newRig(t, setup{})
	old := `"` + r.broadcast("1").String() + `"`
	tag := `"` + r.broadcast("2").String() + `"`
	for _, test := range []struct {
		name   string
		header []string
		want   int
	}{
		{"none", nil, 200},
		{"exact", []string{tag}, 304},
		{"weak", []string{"W/" + tag}, 304},
		{"list", []string{old + ", " + tag}, 304},
		{"list without spaces", []string{`"x",W/` + old + ",W/" + tag}, 304},
		{"list with gaps", []string{", ,\t" + tag + " ,"}, 304},
		{"two fields", []string{old, tag}, 304},
		{"any", []string{"*"}, 304},
		{"an older one", []string{old}, 200},
		{"without quotes", []string{tag[1 : len(tag)-1]}, 200},
		{"half a quote", []string{tag[1:]}, 200},
		{"longer", []string{tag[:len(tag)-1] + `1"`}, 200},
		{"lower-case w", []string{"w/" + tag}, 200},
		{"any in a list", []string{`"x", *`}, 200},
		{"empty", []string{""}, 200},
		{"empty tag", []string{`""`}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := r.in(t)
			var header []string
			for _, value := range test.header {
				header = append(header, "If-None-Match: "+value)
			}
			a, body := r.get("/api/latest", header...)
			want := lines("HTTP/1.1 304 Not Modified", "Cache-Control: no-cache", "Etag: "+tag, "Pollux-Event-Time: TIME", "Pollux-Now: TIME", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff")
			if test.want == 200 {
				want = lines("HTTP/1.1 200 OK", "Cache-Control: no-cache", "Content-Length: 1", "Content-Type: application/json",
					"Etag: "+tag, "Pollux-Event-Time: TIME", "Pollux-Now: TIME", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff")
			}
			same(t, "head", a.head(t), want)
			if (body == "2") != (test.want == 200) {
				t.Errorf("body %q", body)
			}
			head, _ := r.do(request("HEAD", "/api/latest", header...))
			same(t, "HEAD", head.head(t), want)
		})
	}
}

// Before the first document, no If-None-Match matches.
func TestLatestBeforeTheFirstDocument(t *testing.T) {
	r := newRig(t, setup{})
	a, body := r.get("/api/latest", "If-None-Match: *")
	same(t, "body", body, `{"title":"Service Unavailable","status":503,"detail":"The stream has no document yet."}`)
	same(t, "head", a.head(t), lines("HTTP/1.1 503 Service Unavailable", "Cache-Control: no-store", "Content-Length: 87",
		"Content-Security-Policy: "+csp, "Content-Type: application/problem+json", "Referrer-Policy: no-referrer", "Retry-After: 1", "X-Content-Type-Options: nosniff"))
}

// A status is not a document.
func TestLatestIsNoStatus(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	if _, err := r.hub.Publish(t.Context(), hub.Message{Status: &hub.Status{State: hub.Down}}); err != nil {
		t.Fatal(err)
	}
	_, body := r.get("/api/latest")
	same(t, "document", body, "1")
}

// The headers give the age of a document by the clock of the server.
func TestLatestTellsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener()})
		defer r.stop()
		const form = "2006-01-02T15:04:05.000Z"
		made := time.Now().UTC().Format(form)
		id := r.broadcast("1").String()
		time.Sleep(90 * time.Second)
		for _, header := range []string{"X-Nothing: 1", `If-None-Match: "` + id + `"`} {
			a, _ := r.get("/api/latest", header)
			same(t, "Pollux-Event-Time", a.header.Get("Pollux-Event-Time"), made)
			same(t, "Pollux-Now", a.header.Get("Pollux-Now"), time.Now().UTC().Format(form))
		}
		c := r.dial()
		c.send(request("GET", "/api/latest?wait=30s&after="+id))
		time.Sleep(10 * time.Second)
		now := time.Now().UTC().Format(form)
		r.broadcast("2")
		a := c.receive("GET")
		same(t, "Pollux-Event-Time of what came", a.header.Get("Pollux-Event-Time"), now)
		same(t, "Pollux-Now", a.header.Get("Pollux-Now"), now)
	})
}

// A large document waits up to five seconds while clients that read slowly hold too
// much, and is the newest one then. A small one, a part, and what needs no document do
// not wait.
func TestLatestWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{
			hub: hub.Options{Streams: hub.Named("default", "small")}, engine: fanout.Options{HeldBytes: 100_000}, listener: hubtest.NewPipeListener(),
		})
		defer r.stop()
		old, newer := strings.Repeat("1", 70_000), strings.Repeat("2", 70_000)
		id := r.broadcast(old).String()
		r.broadcastTo("small", "1")
		first := r.engine.Hold(make([]byte, 100_000))
		begin := time.Now()
		_, body := r.get("/api/latest")
		same(t, "at the limit", body, old)
		second := r.engine.Hold(make([]byte, 70_000))
		for target, status := range map[string]int{"/api/latest?after=" + id: 304, "/api/latest?fields=/a": 200, "/api/latest?stream=small": 200} {
			a, _ := r.get(target)
			same(t, target, a.status, status)
		}
		a, _ := r.do(request("HEAD", "/api/latest"))
		same(t, "HEAD", a.status, 200)
		same(t, "time", time.Since(begin), 0)

		a, _ = r.get("/api/latest")
		same(t, "without room", a.status, 503)
		same(t, "Retry-After", a.header.Get("Retry-After"), "5")
		same(t, "time", time.Since(begin), 5*time.Second)

		c := r.dial()
		c.send(request("GET", "/api/latest"))
		time.Sleep(time.Second)
		r.broadcast(newer)
		second()
		text, err := io.ReadAll(c.receive("GET").body)
		if err != nil {
			t.Error(err)
		}
		same(t, "after the wait", string(text), newer)
		same(t, "waits", r.engine.Stats().HeldWaits, 2)
		first()
		synctest.Wait()
		same(t, "held", r.engine.Stats().HeldBytes, 0)
	})
}

// A key may end while a request for its newest document waits for room.
func TestKeyEndsWhileARequestWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		match, err := hub.NewKeyPattern("[A-Z]+")
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, setup{
			hub:    hub.Options{Streams: []hub.StreamOptions{{Name: "prices", Keys: &hub.KeyOptions{Match: match, Idle: 2 * time.Second, Pushed: true}}}},
			engine: fanout.Options{HeldBytes: 100_000}, listener: hubtest.NewPipeListener(),
		})
		defer r.stop()
		r.broadcastTo("prices/A", strings.Repeat("1", 70_000))
		release := r.engine.Hold(make([]byte, 170_000))
		c := r.dial()
		c.send(request("GET", "/api/latest?stream=prices/A"))
		time.Sleep(3 * time.Second)
		release()
		a := c.receive("GET")
		if a.status != http.StatusServiceUnavailable {
			t.Errorf("answered %d", a.status)
		}
	})
}

package httpsse_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/httpsse"
)

// said is News in comparable form.
type said struct {
	Document, ID string
	Retry        time.Duration
	Status       hub.Status
	Gap          string
	Err          string // the class
}

func heard(t *testing.T, news poller.News) said {
	t.Helper()
	s := said{Document: string(news.Reading.Document), ID: news.ID, Retry: news.Retry, Gap: news.Gap}
	if news.Status != nil {
		s.Status = *news.Status
	}
	if news.Err != nil {
		s.Err, _ = classAndWords(t, news.Err)
	}
	return s
}

// read returns what a flow says until its end, which has ID and Retry alone.
func read(t *testing.T, flow poller.Flow) (all []said, end error) {
	t.Helper()
	for {
		news, err := flow.Next()
		all = append(all, heard(t, news))
		if err != nil {
			return all, err
		}
	}
}

// TestFollow reads the forms that an event stream can have.
func TestFollow(t *testing.T) {
	for name, test := range map[string]struct {
		events []string
		text   string
		want   []said
	}{
		"events":               {nil, "id: 1\ndata: {\"a\":1}\n\nid: 2\ndata: [\ndata: 2]\n\n", []said{{Document: `{"a":1}`, ID: "1"}, {Document: "[\n2]", ID: "2"}, {ID: "2"}}},
		"no IDs":               {nil, "data: 1\n\ndata: 2\n\n", []said{{Document: `1`, ID: "before"}, {Document: `2`, ID: "before"}, {ID: "before"}}},
		"an ID that is empty":  {nil, "id: 1\ndata: 1\n\nid:\ndata: 2\n\n", []said{{Document: `1`, ID: "1"}, {Document: `2`}, {}}},
		"a position alone":     {nil, "id: 9\n\n", []said{{ID: "9"}}},
		"retry":                {nil, "retry: 250\n\ndata: 1\n\nretry: 99999999999999999999\n\n", []said{{Document: `1`, ID: "before", Retry: 250 * time.Millisecond}, {ID: "before", Retry: 250 * time.Millisecond}}},
		"comments":             {nil, ": hello\n\n:\n\n", []said{{ID: "before"}}},
		"named ones":           {nil, "event: price\ndata: 1\n\nevent: message\ndata: 2\n\n", []said{{Document: `2`, ID: "before"}, {ID: "before"}}},
		"chosen ones":          {[]string{"price", "volume"}, "event: price\ndata: 1\n\ndata: 2\n\nid: 3\nevent: volume\ndata: 3\n\nevent: Price\ndata: 4\n\n", []said{{Document: `1`, ID: "before"}, {Document: `3`, ID: "3"}, {ID: "3"}}},
		"chosen and unnamed":   {[]string{"price", "message"}, "event: price\ndata: 1\n\ndata: 2\n\n", []said{{Document: `1`, ID: "before"}, {Document: `2`, ID: "before"}, {ID: "before"}}},
		"a byte order mark":    {nil, "\ufeffdata: 1\n\n", []said{{Document: `1`, ID: "before"}, {ID: "before"}}},
		"CR":                   {nil, "id: 1\rdata: 1\r\rid: 2\rdata: 2\r\r", []said{{Document: `1`, ID: "1"}, {Document: `2`, ID: "2"}, {ID: "2"}}},
		"CRLF":                 {nil, "id: 1\r\ndata: 1\r\n\r\n", []said{{Document: `1`, ID: "1"}, {ID: "1"}}},
		"NUL in an ID":         {nil, "id: 1\ndata: 1\n\nid: 2\x00\ndata: 2\n\n", []said{{Document: `1`, ID: "1"}, {Document: `2`, ID: "1"}, {ID: "1"}}},
		"no UTF-8":             {nil, "data: \"\xff\"\n\n", []said{{Document: "\"\ufffd\"", ID: "before"}, {ID: "before"}}},
		"an event cut off":     {nil, "id: 1\ndata: 1\n\nid: 2\ndata: 2\n", []said{{Document: `1`, ID: "1"}, {ID: "1"}}},
		"no JSON":              {nil, "data: hello\n\n", []said{{Document: `hello`, ID: "before"}, {ID: "before"}}},
		"no data":              {nil, "event: x\n\ndata\n\n", []said{{Document: "", ID: "before"}, {ID: "before"}}},
		"status of a Pollux":   {nil, "event: status\ndata: {\"stream\":\"a\",\"state\":\"stale\",\"error\":\"http_503\"}\n\nevent: status\ndata: {\"stream\":\"b\",\"state\":\"down\"}\n\nevent: status\ndata: {\"stream\":\"b\",\"state\":\"live\"}\n\nevent: status\ndata: {\"stream\":\"a\",\"state\":\"live\"}\n\n", []said{{ID: "before", Status: hub.Status{State: hub.Stale, Error: "http_503"}}, {ID: "before", Status: hub.Status{State: hub.Down}}, {ID: "before", Status: hub.Status{State: hub.Stale, Error: "http_503"}}, {ID: "before", Status: hub.Status{State: hub.Live}}, {ID: "before"}}},
		"status of others":     {[]string{"a"}, "event: status\ndata: {\"stream\":\"b\",\"state\":\"down\"}\n\nevent: status\ndata: {\"stream\":\"a\",\"state\":\"down\"}\n\n", []said{{ID: "before", Status: hub.Status{State: hub.Down}}, {ID: "before"}}},
		"status of no Pollux":  {nil, "event: status\ndata: all is well\n\nevent: status\ndata: {\"state\":\"great\"}\n\n", []said{{ID: "before"}}},
		"reset":                {nil, "event: reset\ndata: {\"reason\":\"epoch\"}\n\nevent: reset\ndata: {\"reason\":\"skipped\",\"skipped\":298}\n\n", []said{{ID: "before", Gap: "epoch"}, {ID: "before", Gap: "skipped: 298"}, {ID: "before"}}},
		"reset of no Pollux":   {nil, "event: reset\ndata: {}\n\nevent: reset\ndata: {\"reason\":\"a b\\u001b\"}\n\n", []said{{ID: "before"}}},
		"heartbeat of Pollux":  {nil, "event: hb\nid: 7-1\ndata: {\"now\":\"x\"}\n\n", []said{{ID: "7-1"}}},
		"exactly the limit":    {nil, "data: 12345678\n\n", []said{{Document: `12345678`, ID: "before"}, {ID: "before"}}},
		"a byte more":          {nil, "data: 123456789\n\ndata: 1\n\n", []said{{ID: "before", Err: "too_large"}, {Document: `1`, ID: "before"}, {ID: "before"}}},
		"lines with the limit": {nil, "data: 1234\ndata: 567\n\n", []said{{Document: "1234\n567", ID: "before"}, {ID: "before"}}},
	} {
		t.Run(name, func(t *testing.T) {
			opts := at(upstream(t, streams(test.text)))
			opts.Events, opts.MaxBody = test.events, int64(len(`12345678`))
			if !strings.Contains(name, "limit") && !strings.Contains(name, "more") {
				opts.MaxBody = 1 << 10
			}
			got, end := read(t, opened(t, newSource(t, opts), "before"))
			if !errors.Is(end, io.EOF) {
				t.Errorf("the end is %v", end)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestStatesAreBounded checks that an upstream cannot have the states of any number of streams
// kept.
func TestStatesAreBounded(t *testing.T) {
	var text strings.Builder
	for _, state := range []string{"down", "live"} {
		for i := range 101 {
			_, _ = fmt.Fprintf(&text, "event: status\ndata: {\"stream\":\"s%d\",\"state\":%q}\n\n", i, state)
			if state == "live" && i == 99 {
				break
			}
		}
	}
	got, _ := read(t, opened(t, newSource(t, at(upstream(t, streams(text.String())))), ""))
	if last := got[len(got)-2]; last.Status.State != hub.Live {
		t.Errorf("%+v", last)
	}
}

// TestRequest checks what is sent.
func TestRequest(t *testing.T) {
	headers := make(chan http.Header, 1)
	url := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header
		streams("")(w, r)
	})
	opts := at(url)
	opts.Header = http.Header{"X-Api-Key": {"secret"}}
	s := newSource(t, opts)
	for after, want := range map[string]string{
		"": "", "7-1": "7-1", "é": "é", strings.Repeat("x", 1024): strings.Repeat("x", 1024), strings.Repeat("x", 1025): "", "a\x01b": "", "a\x7f": "",
	} {
		opened(t, s, after)
		got := <-headers
		if got.Get("Accept") != "text/event-stream" || got.Get("Cache-Control") != "no-cache" || got.Get("X-Api-Key") != "secret" || got.Get("Last-Event-ID") != want || got.Get("If-None-Match") != "" {
			t.Errorf("%q: %v", after, got)
		}
	}
	opts.Header.Set("Accept", "text/event-stream;v=2")
	opened(t, newSource(t, opts), "")
	if got := <-headers; got.Get("Accept") != "text/event-stream;v=2" {
		t.Errorf("%v", got)
	}
}

// TestRedirect checks that the position goes with a redirect, and the key does not.
func TestRedirect(t *testing.T) {
	headers := make(chan http.Header, 1)
	other := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header
		streams("data: 1\n\n")(w, r)
	})
	opts := at(upstream(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusMovedPermanently) }))
	opts.Header = http.Header{"X-Api-Key": {"secret"}}
	_, err := open(t, newSource(t, opts), "7")
	if class, words := classAndWords(t, err); class != "redirect" || !strings.Contains(words, "redirect_hosts") {
		t.Errorf("%s: %s", class, words)
	}
	opts.RedirectHosts = []string{strings.TrimPrefix(other, "http://")}
	flow := opened(t, newSource(t, opts), "7")
	if got := <-headers; got.Get("Last-Event-ID") != "7" || got.Get("X-Api-Key") != "" {
		t.Errorf("%v", got)
	}
	if notice := flow.Opening().Notice; !strings.Contains(notice, "for good") {
		t.Errorf("notice %q", notice)
	}
}

// TestLies has an upstream for each way in which an answer is no event stream, or one without
// an end to an event.
func TestLies(t *testing.T) {
	endless := func(piece string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for {
				if _, err := io.WriteString(w, piece); err != nil {
					return
				}
			}
		}
	}
	with := func(status int, header, value, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			w.Header().Set(header, value)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		class   string
		words   string
	}{
		"an HTML page":          {with(200, "Content-Type", "text/html", "<!doctype html><title>Sign in</title>"), "format", "the answer is not text/event-stream: it is an HTML page, and begins <!doctype html><title>Sign in</title>"},
		"JSON":                  {with(200, "Content-Type", "application/json", `{"a":1}`), "format", `the answer is not text/event-stream: its Content-Type is application/json, and begins {"a":1}`},
		"a type that is wrong":  {with(200, "Content-Type", "text/plain", "data: 1\n\n"), "format", "the answer is not text/event-stream: it is an event stream, and begins data: 1"},
		"gzip that is not said": {with(200, "Content-Type", "application/octet-stream", "\x1f\x8b\x08"), "format", "the answer is not text/event-stream: it is gzip, which Content-Encoding does not say"},
		"another encoding":      {with(200, "Content-Encoding", "br", "x"), "encoding", "the answer has the Content-Encoding br, which was not asked for"},
		"gzip that is none":     {with(200, "Content-Encoding", "gzip", "data: hello world\n\n"), "encoding", "the gzip of the answer is broken"},
		"nothing more":          {with(204, "X", "y", ""), "http_204", "the upstream answered 204 No Content"},
		"an error":              {with(503, "Retry-After", "7", "no"), "http_503", "the upstream answered 503 Service Unavailable, and it is an event stream"},
		"a token that is wrong": {with(401, "WWW-Authenticate", `Bearer error="invalid_token"`, ""), "http_401", "the upstream answered 401 Unauthorized: invalid_token"},
		"an endless line":       {endless("x"), "too_large", "the document is larger than 1000 bytes, which is max_document"},
		"an endless event":      {endless("data: 12345678\n"), "too_large", "the document is larger than 1000 bytes, which is max_document"},
		"deltas":                {streams("event: snapshot\ndata: {}\n\n"), "format", "the upstream sends changes and not documents: url should have no mode in its query"},
		"deltas that merge":     {streams("event: merge\ndata: {}\n\n"), "format", "the upstream sends changes and not documents: url should have no mode in its query"},
		"deltas that patch":     {streams("event: patch\ndata: {}\n\n"), "format", "the upstream sends changes and not documents: url should have no mode in its query"},
		"a Pollux that is full": {streams("retry: 45000\n: overloaded\n\nevent: status\ndata: {\"stream\":\"a\",\"state\":\"down\",\"error\":\"overloaded\"}\n\n"), "overloaded", "the upstream, which is a Pollux, does not admit this client now: overloaded"},
		"a connection that is cut": {func(w http.ResponseWriter, r *http.Request) {
			streams("data: 1\n\n")(w, r)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "truncated", "the connection was lost within the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := at(upstream(t, test.handler))
			opts.MaxBody = 1000
			flow, err := open(t, newSource(t, opts), "")
			for err == nil {
				_, err = flow.Next()
			}
			class, words := classAndWords(t, err)
			if class != test.class || words != test.words {
				t.Errorf("%s: %s\nwant %s: %s", class, words, test.class, test.words)
			}
			if failed, _ := errors.AsType[*poller.Error](err); class == "http_503" && (failed.Wait != 7*time.Second || failed.Said != "Retry-After: 7") {
				t.Errorf("%v, %q", failed.Wait, failed.Said)
			}
		})
	}
}

// TestRefusedID checks that an upstream that does not accept an ID is asked without it.
func TestRefusedID(t *testing.T) {
	for status, again := range map[int]bool{400: true, 410: true, 412: true, 401: false, 404: false, 429: false, 500: false} {
		url := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Last-Event-ID") != "" {
				w.WriteHeader(status)
				return
			}
			streams("data: 1\n\n")(w, r)
		})
		flow, err := open(t, newSource(t, at(url)), "7")
		if (err == nil) != again {
			t.Errorf("%d: %v", status, err)
		}
		if err != nil {
			continue
		}
		if news, err := flow.Next(); err != nil || news.ID != "" {
			t.Errorf("%d: %+v, %v", status, news, err)
		}
	}
}

// TestGzip checks that each event of a packed stream arrives when it is sent.
func TestGzip(t *testing.T) {
	next := make(chan struct{})
	url := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("%v", r.Header)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		for i := range 3 {
			_, _ = fmt.Fprintf(packed, "id: %d\ndata: %d\n\n", i, i)
			_ = packed.Flush()
			_ = http.NewResponseController(w).Flush()
			<-next
		}
		_ = packed.Close()
	})
	flow := opened(t, newSource(t, at(url)), "")
	for i := range 3 {
		news, err := flow.Next()
		if err != nil || string(news.Reading.Document) != fmt.Sprint(i) {
			t.Fatalf("%+v, %v", news, err)
		}
		next <- struct{}{}
	}
	if _, err := flow.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// TestHeard checks that each byte is told, comments and what is packed included.
func TestHeard(t *testing.T) {
	next := make(chan struct{})
	url := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, piece := range []string{":", "\n", "data", ": 1\n\n"} {
			_, _ = io.WriteString(w, piece)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	})
	told := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	flow, err := newSource(t, at(url)).Open(ctx, "", func() { told <- struct{}{} })
	cancel() // which must not end the stream
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flow.Close() }() // it was only read
	read := make(chan poller.News)
	go func() {
		news, _ := flow.Next()
		read <- news
	}()
	for range 4 {
		<-told
		select {
		case next <- struct{}{}:
		case <-time.After(patience):
			t.Error("the upstream is not there")
		}
	}
	if news := <-read; string(news.Reading.Document) != `1` {
		t.Errorf("%+v", news)
	}
}

// TestClose checks that Next returns when a flow is closed whose upstream is silent.
func TestClose(t *testing.T) {
	left := make(chan struct{})
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		left <- struct{}{}
	}
	plain := httptest.NewServer(http.HandlerFunc(handler))
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(handler))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	for _, url := range []string{plain.URL, secure.URL} {
		opts := at(url)
		opts.TLS = httpjson.TLS{InsecureSkipVerify: true}
		flow := opened(t, newSource(t, opts), "")
		ended := make(chan error)
		go func() {
			_, err := flow.Next()
			ended <- err
		}()
		if err := flow.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err == nil {
			t.Error("no error")
		}
		<-left
	}
}

// TestOpenTimeout has upstreams whose headers do not come, or do not end, and a page that
// does not begin.
func TestOpenTimeout(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/page" {
			w.Header().Set("Content-Type", "text/html")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}
	plain := upstream(t, hang)
	drip := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for i := 0; err == nil; i++ {
			_, err = fmt.Fprintf(conn, "X-%d: 1\r\n", i%100)
			time.Sleep(time.Millisecond)
		}
	})
	secure := httptest.NewUnstartedServer(http.HandlerFunc(hang))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	defer secure.CloseClientConnections()
	for url, want := range map[string][]string{
		plain:           {"timeout: there was no answer within 1s, which is timeout"},
		secure.URL:      {"timeout: there was no answer within 1s, which is timeout", "timeout: the TLS handshake did not end within 1s, which is timeout", "timeout: there was no connection within 1s, which is timeout"},
		plain + "/page": {"format: the answer is not text/event-stream: it is an HTML page", "timeout: there was no answer within 1s, which is timeout"},
		drip:            {"timeout: there was no answer within 1s, which is timeout", "header_too_large: the headers of the answer are larger than 65536 bytes"},
	} {
		opts := at(url)
		opts.TLS = httpjson.TLS{InsecureSkipVerify: true}
		ctx, cancel := poller.WithTimeout(t.Context(), time.Second)
		flow, err := newSource(t, opts).Open(ctx, "", func() {})
		cancel()
		if err == nil {
			_ = flow.Close()
			t.Errorf("%s: it was opened", url)
			continue
		}
		class, words := classAndWords(t, err)
		if !slices.Contains(want, class+": "+words) {
			t.Errorf("%s: %s: %s", url, class, words)
		}
	}
}

// TestFormats checks that an event can be something other than JSON, and what is said of one
// that is not what it should be.
func TestFormats(t *testing.T) {
	opts := at(upstream(t, streams("data: a,b\ndata: 1,2\n\ndata: a,a\n\n")))
	opts.Format = httpjson.FormatCSV
	got, _ := read(t, opened(t, newSource(t, opts), ""))
	want := []said{{Document: `[{"a":"1","b":"2"}]`}, {Err: "format"}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	opts = at(upstream(t, streams("data: )]}'hello\n\n")))
	opts.StripPrefix = ")]}'"
	flow := opened(t, newSource(t, opts), "")
	news, err := flow.Next()
	if err != nil || string(news.Reading.Document) != "hello" || news.Reading.Looks() != "it begins )]}'hello" {
		t.Errorf("%+v, %v", news, err)
	}
}

// TestOptions checks what New refuses, and that it shows no secret.
func TestOptions(t *testing.T) {
	for name, wrong := range map[string]string{
		"": "want 1 to 200 bytes", "a\nb": "without line breaks", "status": "those of a Pollux", "hb": "those of a Pollux", strings.Repeat("x", 201): "want 1 to 200 bytes",
		"message": "", "price": "", "a b": "", strings.Repeat("x", 200): "",
	} {
		opts := at("http://a.example")
		opts.Events = []string{name}
		_, err := httpsse.New(opts)
		if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) {
			t.Errorf("%.20q: %v, want %q", name, err, wrong)
		}
	}
	if _, err := httpsse.New(httpsse.Options{Options: httpjson.Options{URL: "ftp://hunter2"}}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
	a, b, c := newSource(t, at("http://a.example/x")), newSource(t, at("http://a.example/x")), newSource(t, at("http://a.example/y"))
	if a.Origin() != b.Origin() || a.Origin() == c.Origin() || strings.Contains(a.Origin(), "example") {
		t.Errorf("origins %q, %q, %q", a.Origin(), b.Origin(), c.Origin())
	}
}

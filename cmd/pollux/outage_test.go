package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/internal/capture"
	"github.com/polluxhub/pollux/internal/listen/listentest"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/httpsse"
	"github.com/polluxhub/pollux/poller/reshape"
)

// asking is a source made of a function.
type asking func(ctx context.Context) (poller.Reading, error)

func (a asking) Fetch(ctx context.Context, _ poller.Version) (poller.Reading, error) { return a(ctx) }

// takesNothing is a publisher of which the error may be nil.
type takesNothing struct{ err error }

func (p takesNothing) Publish(_ context.Context, m hub.Message) (hub.ID, error) {
	if m.Status != nil && errors.Is(p.err, hub.ErrTooLarge) {
		return hub.ID{}, nil // no status is
	}
	return hub.ID{}, p.err
}

func (takesNothing) Demand(string) (hub.Demand, error) { return nobody{}, nil }

func (takesNothing) PublishAll(context.Context, []hub.Message) ([]hub.ID, error) { return nil, nil }

func (takesNothing) Keys(string) (hub.KeyDemand, error) { return nil, hub.ErrUnknownStream }

type nobody struct{}

func (nobody) Listeners() int           { return 0 }
func (nobody) Changed() <-chan struct{} { return nil }

// nameServer answers every question with an error.
type nameServer struct{ err *net.DNSError }

func (n nameServer) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	err := *n.err
	err.Name = host
	return nil, &err
}

// TestOutageLines has every class of failure, and says which line operators read of
// it: one, in words.
func TestOutageLines(t *testing.T) {
	t.Parallel()
	from := func(opts httpjson.Options) poller.Source {
		source, err := httpjson.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = source.Close() })
		return source
	}
	raw := func(answer fault) string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					if _, err := conn.Read(make([]byte, 4096)); err == nil {
						answer(visit{Conn: conn, closing: t.Context().Done()})
					}
				}()
			}
		}()
		return "http://" + listener.Addr().String()
	}
	answering := func(text string) poller.Source { return from(httpjson.Options{URL: raw(says(text))}) }
	documents := answering(ok(`{"a":[1,2],"s":"x"}`))
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := raw(says(ok(good)))
	nobody := listentest.FreeAddress(t)
	named := func(err net.DNSError) poller.Source {
		return from(httpjson.Options{URL: "http://upstream.example/?key=" + secret, Resolver: nameServer{&err}})
	}
	program := func(text string, timeout time.Duration) func(context.Context, []byte) ([]byte, error) {
		r, err := reshape.New(text, reshape.Options{Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		return r.Reshape
	}
	condition := func(text string) func(context.Context, []byte) error {
		c, err := reshape.NewCondition(text, reshape.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return c.Judge
	}
	hangs := func(v visit) bool { <-v.closing; return false }

	ends := func(visit) bool { return false }
	sends := func(events string, then func(visit) bool) string {
		return raw(func(v visit) bool {
			v.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + events)
			return then(v)
		})
	}
	following := func(url string) poller.Feed {
		feed, err := httpsse.New(httpsse.Options{Options: httpjson.Options{URL: url}})
		if err != nil {
			t.Fatal(err)
		}
		return feed
	}

	rows := []struct {
		class   string
		stream  poller.Stream
		publish error
		want    string
	}{
		{"timeout", poller.Stream{Source: from(httpjson.Options{URL: raw(hangs)})}, nil, "there was no answer within 2s, which is timeout"},
		{"timeout", poller.Stream{Source: from(httpjson.Options{URL: strings.Replace(raw(hangs), "http:", "https:", 1)})}, nil, "the TLS handshake did not end within 2s, which is timeout"},
		{"timeout", poller.Stream{Source: from(httpjson.Options{URL: "http://127.0.0.1:1", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})}, nil, "there was no connection within 2s, which is timeout"},
		{"timeout", poller.Stream{Source: from(httpjson.Options{URL: raw(func(v visit) bool {
			v.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[")
			return hangs(v)
		})})}, nil, "the answer did not end: 1 of the 9 bytes of its Content-Length came within 2s, which is timeout"},
		{"timeout", poller.Stream{Source: named(net.DNSError{Err: "i/o timeout", IsTimeout: true})}, nil, "the name server did not answer for upstream.example in time"},
		{"timeout", poller.Stream{Source: asking(func(context.Context) (poller.Reading, error) {
			return poller.Reading{}, fmt.Errorf("so: %w", context.DeadlineExceeded)
		})}, nil, "there was no answer in time"},
		{"dns", poller.Stream{Source: named(net.DNSError{Err: "no such host", IsNotFound: true})}, nil, "the name upstream.example is not known"},
		{"dns", poller.Stream{Source: named(net.DNSError{Err: "server misbehaving", IsTemporary: true})}, nil, "the name upstream.example could not be looked up"},
		{"connect", poller.Stream{Source: from(httpjson.Options{URL: "http://" + nobody + "/?key=" + secret})}, nil, "the upstream at " + nobody + " refuses connections"},
		{"connect", poller.Stream{Source: from(httpjson.Options{URL: "http://upstream.example", Proxy: "http://user:" + secret + "@" + nobody})}, nil, "the proxy at " + nobody + " refuses connections"},
		{"tls", poller.Stream{Source: from(httpjson.Options{URL: secure.URL})}, nil, "the certificate of the upstream is signed by an unknown authority, which ca_file can name"},
		{"tls", poller.Stream{Source: from(httpjson.Options{URL: strings.Replace(plain, "http:", "https:", 1)})}, nil, "the upstream does not speak TLS on this port"},
		{"disconnected", poller.Stream{Source: answering("")}, nil, "the connection was lost before there was an answer"},
		{"protocol", poller.Stream{Source: answering("220 mail.example.com ESMTP " + secret + "\r\n")}, nil, "the answer is not valid HTTP"},
		{"header_too_large", poller.Stream{Source: answering(ok(good, "X-Padding: "+strings.Repeat("x", 100<<10)))}, nil, "the headers of the answer are larger than 65536 bytes"},
		{"http_503", poller.Stream{Source: answering(answer("503 "+secret, secret))}, nil, "the upstream answered 503 Service Unavailable"},
		{"http_503", poller.Stream{Source: answering(answer("503 "+secret, "<!DOCTYPE html>"+secret))}, nil, "the upstream answered 503 Service Unavailable, and it is an HTML page"},
		{"http_999", poller.Stream{Source: answering(answer("999 What", ""))}, nil, "the upstream answered 999"},
		{"redirect", poller.Stream{Source: answering(answer("302 Found", "", "Location: http://elsewhere.example/"+secret))}, nil, "a redirect leads to elsewhere.example, which redirect_hosts does not name"},
		{"redirect", poller.Stream{Source: answering(answer("302 Found", "", "Location: /"))}, nil, "there are more than 3 redirects"},
		{"forbidden_address", poller.Stream{Source: from(httpjson.Options{URL: "http://169.254.169.254/?key=" + secret})}, nil, "the address 169.254.169.254 is refused: link-local (RFC 3927), where most clouds have their metadata"},
		{"too_large", poller.Stream{Source: from(httpjson.Options{URL: plain, MaxBody: 5})}, nil, "the document has 7 bytes, and max_document is 5"},
		{"too_large", poller.Stream{Source: documents}, hub.ErrTooLarge, "the document is larger than the hub accepts"},
		{"truncated", poller.Stream{Source: answering("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + good)}, nil, "the connection was lost within the answer: 7 of the 100 bytes of its Content-Length came"},
		{"encoding", poller.Stream{Source: answering(ok(good, "Content-Encoding: br"))}, nil, "the answer has the Content-Encoding br, which was not asked for"},
		{"encoding", poller.Stream{Source: answering(ok("\x1f\x8b"+strings.Repeat(secret, 5), "Content-Encoding: gzip"))}, nil, "the gzip of the answer is broken"},
		{"encoding", poller.Stream{Source: answering(ok(good, "Content-Encoding: gzip"))}, nil, "Content-Encoding is gzip, but the answer is not: it has no Content-Type, and begins " + good},
		{"invalid_json", poller.Stream{Source: answering(ok("<html>Sign in"))}, nil, "the answer is not one JSON document: not JSON: at byte 0, want a value; it is an HTML page, and begins <html>Sign in"},
		{"invalid_json", poller.Stream{Source: from(httpjson.Options{URL: raw(says(ok("<html>" + secret))), Header: http.Header{"X-Key": {secret}}})}, nil, "the answer is not one JSON document: not JSON: at byte 0, want a value; it is an HTML page"},
		{"format", poller.Stream{Source: from(httpjson.Options{URL: raw(says(ok("a,b\n1\n" + secret))), Format: httpjson.FormatCSV})}, nil, "the answer is not csv: record on line 2: wrong number of fields"},
		{"token", poller.Stream{Source: from(httpjson.Options{URL: plain, OAuth2: httpjson.OAuth2{
			TokenURL: raw(says(answer("401 "+secret, `{"error": "invalid_client", "error_description": "`+secret+`"}`))), ClientID: "pollux", ClientSecret: secret, AuthStyle: httpjson.AuthBody,
		}})}, nil, "no token: the token endpoint answered 401 Unauthorized: invalid_client"},
		{"login", poller.Stream{Source: from(httpjson.Options{URL: plain, Login: httpjson.Login{
			URL: raw(says(answer("403 "+secret, secret))), Body: []byte(secret),
		}})}, nil, "no login: the login was answered 403 Forbidden"},
		{"refused", poller.Stream{Source: documents, Judge: condition(".errors")}, nil, "the answer is no success: what success asks of it is not true"},
		{"select", poller.Stream{Source: documents, Reshape: program(".s.t", time.Minute)}, nil, "the program of select failed: cannot index string with a key at .s.t"},
		{"select_timeout", poller.Stream{Source: documents, Reshape: program("def f: f; f", 50*time.Millisecond)}, nil, "the program of select took too long"},
		{"no_document", poller.Stream{Source: asking(func(context.Context) (poller.Reading, error) { return poller.Reading{Unchanged: true}, nil })}, nil, "the upstream answered that nothing has changed, but it has not sent a document yet"},
		{"proxy", poller.Stream{Source: from(httpjson.Options{URL: "https://upstream.example", Proxy: raw(says(answer("407 "+secret, "")))})}, nil, "the proxy answered 407 Proxy Authentication Required"},
		{"protocol", poller.Stream{Source: answering(answer("302 Found", "", "Location: http:// /"+secret))}, nil, "the answer is not valid HTTP"},
		{"canceled", poller.Stream{Source: asking(func(ctx context.Context) (poller.Reading, error) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return documents.Fetch(ctx, poller.Version{})
		})}, nil, "the poll was cancelled"},
		{"panic", poller.Stream{Source: asking(func(context.Context) (poller.Reading, error) { panic("boom") })}, nil, "a fault within Pollux, in asking the upstream: boom"},
		{"publish", poller.Stream{Source: documents}, hub.ErrClosed, "the hub did not accept it: closed"},
		{"publish", poller.Stream{Source: documents}, context.DeadlineExceeded, "the hub did not answer in time"},
		{"error", poller.Stream{Source: asking(func(context.Context) (poller.Reading, error) { return poller.Reading{}, errors.New("boom") })}, nil, "boom"},
		{"invalid_json", poller.Stream{Source: from(httpjson.Options{URL: sends("data: 1\n\n", hangs)})}, nil, "the answer is not one JSON document: it is an event stream, which source: sse follows"},
		{"upstream", poller.Stream{Feed: following(sends("event: status\ndata: {\"stream\":\"a\",\"state\":\"stale\",\"error\":null}\n\n", hangs))}, nil, "the upstream says that its stream is stale"},
		{"http_503", poller.Stream{Feed: following(sends("event: status\ndata: {\"stream\":\"a\",\"state\":\"down\",\"error\":\"http_503\"}\n\n", hangs))}, nil, "the upstream says that its stream is down: http_503"},
		{"disconnected", poller.Stream{Feed: following(sends(": hello\n\n", ends))}, nil, "the upstream ended the connection before it had sent an event"},
		{"format", poller.Stream{Feed: following(raw(says(ok("<html>Sign in"))))}, nil, "the answer is not text/event-stream: it is an HTML page, and begins <html>Sign in"},
		{"invalid_json", poller.Stream{Feed: following(sends("data: hello\n\n", hangs))}, nil, "the answer is not one JSON document: not JSON: at byte 0, want a value; it begins hello"},
	}
	tested := map[string]bool{}
	late := regexp.MustCompile(`within 1\.\ds`) // the source began to wait a moment after the poll did
	for _, row := range rows {
		tested[row.class] = true
		t.Run(row.class+", "+row.want, func(t *testing.T) {
			t.Parallel()
			row.stream.Every, row.stream.Timeout, row.stream.Upstream = time.Hour, 2*time.Second, "https://upstream.example"
			line := firstLine(t, row.stream, takesNothing{row.publish})
			line["reason"] = late.ReplaceAllString(fmt.Sprint(line["reason"]), "within 2s")
			want := map[string]any{
				"level": "WARN", "msg": "poll failed", "stream": "default", "upstream": "https://upstream.example",
				"class": row.class, "reason": row.want, "failures": 1.0,
			}
			for key, value := range want {
				if line[key] != value {
					t.Errorf("%s is %q, want %q", key, line[key], value)
				}
			}
			// The rest of an hour, or of a minute: what has passed of it depends.
			if retry := fmt.Sprint(line["retry"]); !regexp.MustCompile(`^in (1h0m0s|59m\d+s)$`).MatchString(retry) && (row.stream.Feed == nil || !regexp.MustCompile(`^(in [34](\.\d)?s|with the next event)$`).MatchString(retry)) {
				t.Errorf("retry %q", retry)
			}
			stack := line["stack"]
			delete(line, "stack")
			if (stack != nil) != (row.class == "panic") || len(line) != len(want)+2 {
				t.Errorf("the line has %v", line)
			}
			text := fmt.Sprint(line)
			for _, not := range []string{secret, "httpjson", "poller:", "hub:", "reshape", "gojq", "net/http", "context", "tcp", "*", "0x"} {
				if strings.Contains(text, not) {
					t.Errorf("%q is in %s", not, text)
				}
			}
		})
	}

	protocol, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(protocol)), " ") // wherever its lines end
	_, list, found := strings.Cut(text, "`error` is a class, or null: ")
	list, _, ended := strings.Cut(list, "; of a key `rate_limited`") // which package poller tests
	if !found || !ended {
		t.Fatal("docs/protocol.md has no list of classes")
	}
	for _, class := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(list, -1) {
		if !tested[class[1]] {
			t.Errorf("docs/protocol.md has the class %s, which is not tested", class[1])
		}
		delete(tested, class[1])
	}
	delete(tested, "http_999") // "and the like"
	delete(tested, "canceled") // which only who uses the package can see
	if len(tested) > 0 {
		t.Errorf("docs/protocol.md does not have %v", tested)
	}
}

// TestUpstreamSpeaksUnasked has an upstream that goes on speaking behind its answer.
// What it says is no business of the log.
func TestUpstreamSpeaksUnasked(t *testing.T) {
	t.Parallel()
	u := startUpstream(t, func(v visit) bool {
		v.say(v.good)
		select {
		case <-v.closing:
		case <-time.After(20 * time.Millisecond): // until the connection is kept
		}
		v.say("unasked " + secret)
		return true
	}, counting)
	u.misbehave()
	p := startProcess(t, testBinary, configuration(entry("a", u.url(), "headers: {X-Api-Key: "+secret+"}", "every: 100ms")))
	eventually(t, "ten polls", func() bool { asked, _, _ := u.counted(); return asked >= 10 })
	p.stop(t)
	if log := p.log.String(); strings.Contains(log, secret) || strings.Contains(log, "nsolicited") {
		t.Errorf("the log has what the upstream said:\n%s", log)
	}
}

// firstLine runs one stream until it has logged something, and returns that.
func firstLine(t *testing.T, stream poller.Stream, publisher poller.Publisher) map[string]any {
	t.Helper()
	var out capture.Output
	polling, err := poller.New(poller.Options{
		Publisher: publisher, Streams: []poller.Stream{stream}, Logger: slog.New(slog.NewJSONHandler(&out, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- polling.Run(ctx) }()
	eventually(t, "a line", func() bool { return out.String() != "" })
	eventually(t, "the state is told", func() bool { return polling.Status()[0].Error != "" })
	cancel()
	<-ended
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("%d lines, want one:\n%s", n, out.String())
	}
	var line map[string]any
	if err := json.NewDecoder(bytes.NewReader([]byte(out.String()))).Decode(&line); err != nil {
		t.Fatal(err)
	}
	return line
}

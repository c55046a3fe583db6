package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// row is one way in which an upstream can be wrong. It gives the document good,
// then follows its script, and then gives the document better.
type row struct {
	name     string
	script   fault
	class    string // of what is counted; "" if nothing fails
	clients  clients
	settings []string // of the stream
	counter  string   // one that has to count something as well
}

// clients are what clients hear.
type clients struct {
	meanwhile, then []string // with CLASS for that of the row
}

const (
	good    = `{"n":1}`
	another = `{"n":"another"}`
	better  = `{"n":2}`
)

var (
	outage = clients{
		meanwhile: []string{"status stale CLASS", "status down CLASS"},
		then:      []string{better, "status live"},
	}
	outageOfAnHour = clients{meanwhile: outage.meanwhile} // nobody asks again before that
	nothing        = clients{then: []string{better}}
	gapless        = clients{meanwhile: []string{another}, then: []string{better}}
)

// every is the interval of the streams. A machine that is busy for as long as a poll may take has a fault of its own.
const every = 2 * time.Second

// faults returns all rows. other is the port of another server.
func faults(other string) []row {
	return []row{
		// Bodies.
		{name: "HTML error page with 200", script: says(ok("<!DOCTYPE html><title>502</title>", "Content-Type: text/html")), class: "invalid_json", clients: outage},
		{name: "truncated body", script: says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + better), class: "truncated", clients: outage},
		{name: "two documents", script: says(ok(good + better)), class: "invalid_json", clients: outage},
		{name: "BOM", script: says(ok("\uFEFF" + another)), clients: gapless}, // RFC 8259 section 8.1 lets readers ignore it
		{name: "NaN", script: says(ok(`{"n":NaN}`)), class: "invalid_json", clients: outage},
		{name: "invalid UTF-8", script: says(ok("{\"n\":\"\xff\"}")), class: "invalid_json", clients: outage},
		{name: "array of 100,000 levels", script: says(ok(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000))), class: "invalid_json", clients: outage},
		{name: "1 MiB gzip of 1 GiB", script: unpacksTo(1 << 30), class: "too_large", clients: outage},
		{name: "endless body", script: neverEnds, class: "too_large", clients: outage},
		{name: "10 MiB of headers", script: says(ok(better, "X-Padding: "+strings.Repeat("x", 10<<20))), class: "header_too_large", clients: outage},

		// Time.
		{name: "one byte every 10 s", script: drips(10 * time.Second), class: "timeout", clients: outage},
		{name: "answer after 3 intervals", script: answersAfter(3 * every), class: "timeout", clients: outage},
		{name: "never answers", script: neverAnswers, class: "timeout", clients: outage},

		// Hints.
		{name: "Retry-After 9223372037", script: putsOff("503 Service Unavailable", "9223372037"), class: "http_503", clients: outageOfAnHour},
		{name: "Retry-After in 2099", script: putsOff("429 Too Many Requests", "Thu, 01 Jan 2099 00:00:00 GMT"), class: "http_429", clients: outageOfAnHour},
		{name: "Retry-After -5", script: putsOff("503 Service Unavailable", "-5"), class: "http_503", clients: outage},
		{name: "Retry-After abc", script: putsOff("429 Too Many Requests", "abc"), class: "http_429", clients: outage},
		{name: "another ETag for the same body", script: renamesItsDocument, clients: nothing},

		// Redirects.
		{name: "redirect to metadata", script: redirects("http://169.254.169.254/latest/"), class: "redirect", clients: outage},
		{name: "redirect to metadata allowed", script: redirects("http://169.254.169.254/latest/"), class: "forbidden_address", clients: outage,
			settings: []string{`redirect_hosts: ["169.254.169.254"]`}, counter: "poll_refused_addresses"},
		{name: "redirect to loopback mapped", script: redirects("http://[::ffff:127.0.0.1]:" + other + "/"), class: "redirect", clients: outage},
		{name: "redirect to loopback mapped denied", script: redirects("http://[::ffff:127.0.0.2]:" + other + "/"), class: "forbidden_address", clients: outage,
			settings: []string{`redirect_hosts: ["[::ffff:127.0.0.2]:` + other + `"]`, "deny_private: true", "allow_private: [127.0.0.1]"}, counter: "poll_refused_addresses"},
		{name: "redirect to another host", script: redirects("http://localhost:" + other + "/"), class: "redirect", clients: outage},
		{name: "redirect to another host allowed", script: redirects("http://localhost:" + other + "/allowed"), clients: gapless,
			settings: []string{`redirect_hosts: ["localhost:` + other + `"]`}},

		// Connections. For those that begin at a public address see TestFromPublic.
		{name: "gone between polls", script: gone, class: "connect", clients: outage},
		{name: "drops kept connections", script: dropsKeptConnections, clients: nothing, counter: "poll_retries"},
	}
}

// stream is the name of the row's stream.
func (r row) stream() string {
	return strings.Trim(strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return c
		}
		return '-'
	}, r.name), "-")
}

// meanwhile is what clients hear of the row's fault.
func (r row) meanwhile() []string {
	return strings.Split(strings.ReplaceAll(strings.Join(r.clients.meanwhile, "\n"), "CLASS", r.class), "\n")
}

func (r row) entry(u *upstream, every time.Duration) string {
	return entry(r.stream(), u.url(), slices.Concat(r.settings, []string{
		"headers: {X-Api-Key: " + secret + "}", "max_document: 1048576", "every: " + every.String(), "timeout: " + (every - every/20).String()})...)
}

// startElsewhere starts the server to which redirects lead, and returns its port.
// None may lead there but one that is allowed, and it has no business with the
// secret.
func startElsewhere(t *testing.T) (port string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/allowed" {
			t.Errorf("elsewhere was asked for %s", r.URL)
		}
		if strings.Contains(fmt.Sprint(r.Header), secret) {
			t.Errorf("elsewhere got the secret: %v", r.Header)
		}
		_, _ = w.Write([]byte(another))
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

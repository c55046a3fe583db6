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

// every is the interval of the streams, the healthy ones apart.
const every = 700 * time.Millisecond

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

		// Wishes.
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
		"headers: {X-Api-Key: " + secret + "}", "max_document: 1048576", "every: " + every.String()})...)
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

// Every fault at the same time, each in a stream of one running program. Clients
// keep the last good document, are told, and get what is new when it is over; what
// happened is counted; and two streams without a fault notice nothing. What it
// costs in memory is TestFaultsTakeLittleMemory.
func TestFaults(t *testing.T) {
	t.Parallel()
	rows := faults(startElsewhere(t))
	upstreams := make(map[string]*upstream)
	readers := make(map[string]*reader)
	var entries []string
	for _, r := range rows {
		u := startUpstream(t, r.script, always(good))
		upstreams[r.name] = u
		entries = append(entries, r.entry(u, every))
	}
	healthy := []row{{name: "healthy"}, {name: "healthy-select", settings: []string{"select: '{n}'"}}}
	for _, r := range healthy {
		u := startUpstream(t, nil, counting)
		upstreams[r.name] = u
		entries = append(entries, r.entry(u, time.Second))
	}
	p := startProcess(t, testBinary, configuration(entries...))
	each := func(phase string, of []row, check func(t *testing.T, r row, u *upstream)) {
		t.Run(phase, func(t *testing.T) {
			for _, r := range of {
				t.Run(r.name, func(t *testing.T) { check(t, r, upstreams[r.name]) })
			}
		})
	}

	begin := time.Now()
	each("healthy so far", slices.Concat(rows, healthy), func(t *testing.T, r row, _ *upstream) {
		eventually(t, "there is a document", func() bool { return streamStates(t, p.url)[r.stream()].State == "live" && hasLatest(t, p, r) })
	})
	for _, r := range slices.Concat(rows, healthy) {
		readers[r.name] = startReader(t, p.url+"/api/sse?stream="+r.stream())
	}
	for _, r := range rows {
		readers[r.name].expect(t, good)
		upstreams[r.name].misbehave()
	}

	each("clients are told", rows, func(t *testing.T, r row, u *upstream) {
		if len(r.clients.meanwhile) > 0 {
			readers[r.name].expect(t, r.meanwhile()...)
		} else {
			eventually(t, "four polls", func() bool { _, wronged, _ := u.counted(); return wronged >= 4 })
		}
	})
	each("the good document stays", rows, func(t *testing.T, r row, u *upstream) {
		want := good
		if r.clients.meanwhile != nil && r.class == "" {
			want = another
		}
		if got := getOK(t, p.url+"/api/latest?stream="+r.stream()); got != want {
			t.Errorf("the newest document is %s, want %s", got, want)
		}
		readers[r.name].expectNoMore(t)
		if r.clients.then == nil {
			expectAnHour(t, p, r, u)
		}
	})

	for _, r := range rows {
		if r.clients.then != nil {
			upstreams[r.name].give(always(better))
			upstreams[r.name].recover()
		}
	}
	each("it comes back", rows, func(t *testing.T, r row, _ *upstream) {
		if r.clients.then != nil {
			readers[r.name].expect(t, r.clients.then...)
		}
	})
	each("it is counted", rows, func(t *testing.T, r row, u *upstream) {
		readers[r.name].expectNoMore(t)
		expectCounted(t, p, r, u)
	})
	each("the others never noticed", healthy, func(t *testing.T, r row, _ *upstream) {
		expectUnnoticed(t, p, r, readers[r.name], int(time.Since(begin)/time.Second))
	})
	p.stop(t)
	if strings.Contains(p.log.String(), secret) {
		t.Error("the secret is in the log")
	}
}

func hasLatest(t *testing.T, p *process, r row) bool {
	t.Helper()
	status, _ := request(t, http.MethodGet, p.url+"/api/latest?stream="+r.stream())
	return status == http.StatusOK
}

// expectAnHour checks that the upstream's wish is obeyed, as far as it is sensible.
func expectAnHour(t *testing.T, p *process, r row, u *upstream) {
	t.Helper()
	if _, wronged, _ := u.counted(); wronged != 1 {
		t.Errorf("the upstream was asked %d times, want once", wronged)
	}
	next := streamStates(t, p.url)[r.stream()].NextPoll
	if next == nil || time.Until(*next) < 50*time.Minute || time.Until(*next) > time.Hour+every {
		t.Errorf("the next poll is at %v, want it in an hour", next)
	}
}

// expectCounted checks that what went wrong was counted: each wrong answer once,
// in its class, or as a timeout where the machine was so busy that it was late.
func expectCounted(t *testing.T, p *process, r row, u *upstream) {
	t.Helper()
	counted := countersOf(t, p.admin)[r.stream()]
	polls, failed, late := 0, 0, 0
	for name, n := range counted {
		result, isPoll := strings.CutPrefix(name, "poll_requests ")
		if !isPoll {
			continue
		}
		polls += n
		switch result {
		case "ok", "unchanged":
		case r.class:
			failed = n
		case "timeout":
			late = n
		default:
			t.Errorf("%d failures of the class %s", n, result)
		}
	}
	if _, wronged, _ := u.counted(); r.script != nil && r.class != "" && (failed > wronged || failed+late < wronged) {
		t.Errorf("%d failures of the class %s and %d late answers, of %d wrong ones", failed, r.class, late, wronged)
	}
	if r.class != "" && failed == 0 {
		t.Errorf("no failure of the class %s: %v", r.class, counted)
	}
	if state := streamStates(t, p.url)[r.stream()]; state.Failures != failed+late || state.Requests < polls {
		t.Errorf("/api/streams has %d failures of %d requests, the metrics %d of %d", state.Failures, state.Requests, failed+late, polls)
	}
	if r.counter != "" && counted[r.counter] == 0 {
		t.Errorf("no %s: %v", r.counter, counted)
	}
}

// expectUnnoticed checks that clients got each document that the upstream gave,
// one an interval, and nothing else.
func expectUnnoticed(t *testing.T, p *process, r row, heard *reader, intervals int) {
	t.Helper()
	documents, err := heard.all()
	if err != nil {
		t.Errorf("the connection ended: %v", err)
	}
	expectConsecutive(t, documents)
	if len(documents) < intervals/2 {
		t.Errorf("%d documents in %d intervals", len(documents), intervals)
	}
	if state := streamStates(t, p.url)[r.stream()]; state.State != "live" || state.Failures > 0 {
		t.Errorf("%+v", state)
	}
}

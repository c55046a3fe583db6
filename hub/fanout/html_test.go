package fanout_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/markup"
)

// templates returns the option for streams that all have one template.
func templates(t *testing.T, text string) func(string) *markup.Template {
	t.Helper()
	template, err := markup.New(text, markup.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return func(string) *markup.Template { return template }
}

const lead = "<p>{{.n}}\n  <b>{{.s}}</b></p>\n"

// A client of HTML gets each document in the template of its stream, with the ID of the
// document, and resumes by that.
func TestHTMLIsTold(t *testing.T) { everyWriter(t, testHTMLIsTold) }

func testHTMLIsTold(t *testing.T, start starter) {
	r := start(hub.Options{Streams: hub.Named("default", "other")}, fanout.Options{Template: templates(t, lead)})
	first := r.publish(`{"n":1.50,"s":"<i>"}`)
	want := "<p>1.50\n  <b>&lt;i&gt;</b></p>\n"
	for _, open := range []func(net.Conn, string, ...string) *client{r.open, r.openGzip} {
		c := open(r.dial(), "html=1&limit=1")
		c.expect(want)
		if c.LastEventID() != first.String() {
			t.Errorf("the client stands at %s, want %s", c.LastEventID(), first)
		}
		c.expectEnd()
	}
	one, plain := r.open(r.dial(), "html=1"), r.open(r.dial(), "")
	both := r.openGzip(r.dial(), "html=1&stream=default&stream=other")
	one.expect(want)
	plain.expect(`{"n":1.50,"s":"<i>"}`)
	if e := both.next(); e.Name != "default" || string(e.Data) != want {
		t.Errorf("got %s %s of two streams", e.Name, e.Data)
	}
	second := r.publish(`{"n":2,"s":""}`)
	one.expect("<p>2\n  <b></b></p>\n")
	if one.LastEventID() != second.String() {
		t.Errorf("the client stands at %s, want %s", one.LastEventID(), second)
	}
	both.expect("<p>2\n  <b></b></p>\n")
	r.publishTo("other", `{"n":3}`)
	if e := both.next(); e.Name != "other" || string(e.Data) != "<p>3\n  <b></b></p>\n" {
		t.Errorf("got %s %s of two streams", e.Name, e.Data)
	}

	back := r.open(r.dial(), "html=1", "Last-Event-ID: "+first.String())
	back.expect("<p>2\n  <b></b></p>\n")
	lost := r.open(r.dial(), "html=1", "Last-Event-ID: nonsense")
	if e := lost.next(); e.Name != "reset" || string(e.Data) != `<span class="pollux-reset" data-reason="invalid"></span>` {
		t.Errorf("got %s %s", e.Name, e.Data)
	}
	lost.expect("<p>2\n  <b></b></p>\n")
}

// However many clients there are, and whether they are compressed or named, a document is
// rendered once.
func TestHTMLIsRenderedOnce(t *testing.T) { everyWriter(t, testHTMLIsRenderedOnce) }

func testHTMLIsRenderedOnce(t *testing.T, start starter) {
	r := start(hub.Options{Streams: hub.Named("default", "other")}, fanout.Options{Template: templates(t, "{{.}}")})
	var clients []*client
	for range 5 {
		clients = append(clients, r.open(r.dial(), "html=1"), r.openGzip(r.dial(), "html=1"), r.open(r.dial(), "html=1&stream=default&stream=other"))
	}
	r.publish("1")
	for _, c := range clients {
		c.expect("1")
	}
	before := r.engine.Stats().FormsMade
	r.publish("2")
	for _, c := range clients {
		c.expect("2")
	}
	// The page, a frame with the name of the stream and one without, each for those who had the
	// document before too, and one compressed.
	if made := r.engine.Stats().FormsMade - before; made > 10 {
		t.Errorf("%d forms were made for %d clients", made, len(clients))
	}
}

// A document that the template does not fit is told as a status with its ID, and the clients
// keep the HTML that they have. The next one comes with a status that says that all is well.
func TestHTMLThatFails(t *testing.T) { everyWriter(t, testHTMLThatFails) }

func testHTMLThatFails(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{Template: templates(t, "{{index .a 0}}")})
	r.publish(`{"a":[1]}`)
	c, packed, plain := r.open(r.dial(), "html=1"), r.openGzip(r.dial(), "html=1"), r.open(r.dial(), "")
	for _, c := range []*client{c, packed} {
		c.expect("1")
	}
	wrong := r.publish(`{"a":[]}`)
	late := r.open(r.dial(), "html=1")
	for _, c := range []*client{c, packed, late} {
		e := c.next()
		if e.Name != "status" || !strings.Contains(string(e.Data), `data-state="stale" data-error="template"`) || c.LastEventID() != wrong.String() {
			t.Errorf("got %s %s with the ID %s", e.Name, e.Data, c.LastEventID())
		}
	}
	resumed := r.open(r.dial(), "html=1", "Last-Event-ID: "+wrong.String())
	r.publish(`{"a":[3]}`)
	for _, c := range []*client{c, packed, late, resumed} {
		if e := c.next(); e.Name != "status" || !strings.Contains(string(e.Data), `data-state="live" data-error=""`) {
			t.Errorf("got %s %s, want that all is well", e.Name, e.Data)
		}
		c.expect("3")
	}
	r.publish(`{"a":[4]}`)
	for _, c := range []*client{c, packed, late, resumed} {
		c.expect("4")
	}
	plain.expect(`{"a":[1]}`, `{"a":[]}`, `{"a":[3]}`, `{"a":[4]}`)
	if n := r.engine.Stats().HTMLFailures; n == 0 {
		t.Error("no failure was counted")
	}
}

// Statuses and resets come in the parts of the template.
func TestStatusesAsHTML(t *testing.T) { everyWriter(t, testStatusesAsHTML) }

func testStatusesAsHTML(t *testing.T, start starter) {
	const parts = `{{.}}{{define "status"}}<i>{{.state}} {{.error}} {{stream}}</i>{{end}}{{define "reset"}}<i>{{.reason}} {{.skipped}}</i>{{end}}`
	r := start(hub.Options{Streams: []hub.StreamOptions{{Name: "a", Replay: hub.ReplayLatest}, {Name: "b"}}}, fanout.Options{Template: templates(t, parts)})
	first := r.publishTo("a", "1")
	c := r.open(r.dial(), "html=1&stream=a")
	c.expect("1")
	if _, err := r.hub.Publish(t.Context(), hub.Message{Stream: "a", Status: &hub.Status{State: hub.Down, Error: "http_503"}}); err != nil {
		t.Fatal(err)
	}
	if e := c.next(); e.Name != "status" || string(e.Data) != "<i>down http_503 a</i>" {
		t.Errorf("got %s %s", e.Name, e.Data)
	}
	r.publishTo("a", "2")
	r.publishTo("a", "3")
	for _, open := range []func(net.Conn, string, ...string) *client{r.open, r.openGzip} {
		back := open(r.dial(), "html=1&stream=a", "Last-Event-ID: "+first.String())
		for _, want := range []string{"reset <i>skipped 1</i>", "status <i>down http_503 a</i>", " 3"} {
			if e := back.next(); e.Name+" "+string(e.Data) != want {
				t.Errorf("got %s %s, want %s", e.Name, e.Data, want)
			}
		}
		lost := open(r.dial(), "html=1&stream=a", "Last-Event-ID: nonsense")
		if e := lost.next(); e.Name+" "+string(e.Data) != "reset <i>invalid </i>" {
			t.Errorf("got %s %s", e.Name, e.Data)
		}
	}
	expired := r.open(r.dial(), "html=1&stream=a&expires=200ms")
	expired.expect("<i>down http_503 a</i>", "3", "<i>down expired a</i>")

	// A stream that the client may not read looks like one that does not exist.
	hidden := r.open(r.dial(), "html=1&stream=a&stream=b&stream=none&hidden=b")
	var statuses []string
	for len(statuses) < 2 {
		if e := hidden.next(); e.Name == "status" && strings.Contains(string(e.Data), "removed") {
			statuses = append(statuses, strings.NewReplacer(`"b"`, `"X"`, `"none"`, `"X"`).Replace(string(e.Data)))
		}
	}
	if statuses[0] != statuses[1] {
		t.Errorf("%q can be told apart", statuses)
	}
}

// Another template applies from the next document on, and one that is taken away is a status.
func TestTemplatesChange(t *testing.T) {
	var current atomic.Pointer[markup.Template]
	set := func(text string) {
		current.Store(templates(t, text)(""))
	}
	set("a{{.}}")
	r := newRig(t, hub.Options{}, fanout.Options{Template: func(string) *markup.Template { return current.Load() }}, nil, portable)
	r.publish("1")
	c := r.open(r.dial(), "html=1")
	c.expect("a1")
	set("b{{.}}")
	r.publish("2")
	c.expect("b2")
	r.open(r.dial(), "html=1").expect("b2")
	current.Store(nil)
	r.publish("3")
	if e := c.next(); e.Name != "status" || !strings.Contains(string(e.Data), "stale: template") {
		t.Errorf("without a template: got %s %s", e.Name, e.Data)
	}
}

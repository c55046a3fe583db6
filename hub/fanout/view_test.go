package fanout_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/fanout/view"
)

// filler makes documents long enough for a difference to be worth it.
const filler = `"filler":"0123456789012345678901234567890123456789012345678901234567890123456789"`

func TestDifferencesAreTold(t *testing.T) { everyWriter(t, testDifferencesAreTold) }

func testDifferencesAreTold(t *testing.T, start starter) {
	r := start(hub.Options{Streams: hub.Named("default", "other")}, fanout.Options{})
	first := r.publish(`{"a":1,` + filler + `}`)
	patches := r.open(r.dial(), "mode=patch")
	merges := r.open(r.dial(), "mode=merge")
	several := r.open(r.dial(), "mode=patch&stream=default&stream=other")
	plain := r.open(r.dial(), "")

	expect := func(c *client, name, data string) {
		t.Helper()
		if e := c.next(); e.Name != name || string(e.Data) != data {
			t.Errorf("got %s %s\nwant %s %s", e.Name, e.Data, name, data)
		}
	}
	expect(patches, "snapshot", `{"a":1,`+filler+`}`)
	expect(merges, "snapshot", `{"a":1,`+filler+`}`)
	expect(several, "snapshot:default", `{"a":1,`+filler+`}`)
	expect(plain, "", `{"a":1,`+filler+`}`)

	second := r.publish(`{"a":9007199254740993,` + filler + `}`)
	expect(patches, "patch", `{"base":"`+first.String()+`","ops":[{"op":"replace","path":"/a","value":9007199254740993}]}`)
	expect(merges, "merge", `{"base":"`+first.String()+`","patch":{"a":9007199254740993}}`)
	expect(several, "patch:default", `{"base":"`+first.String()+`","ops":[{"op":"replace","path":"/a","value":9007199254740993}]}`)
	expect(plain, "", `{"a":9007199254740993,`+filler+`}`)
	if id := patches.LastEventID(); id != second.String() {
		t.Errorf("behind a patch the client is at %s, want %s", id, second)
	}

	r.publishTo("other", `[]`)
	expect(several, "snapshot:other", `[]`)

	// The document is shorter than the difference.
	r.publish(`{}`)
	expect(patches, "snapshot", `{}`)
	expect(merges, "snapshot", `{}`)

	// A client that returns has missed this one, and the engine does not know what it has.
	r.publish(`{"a":1,` + filler + `}`)
	back := r.open(r.dial(), "mode=patch", "Last-Event-ID: "+second.String())
	expect(back, "snapshot", `{}`)
	expect(back, "snapshot", `{"a":1,`+filler+`}`) // longer as a patch
	lost := r.open(r.dial(), "mode=patch", "Last-Event-ID: nonsense")
	expect(lost, "reset", `{"reason": "invalid"}`)
	expect(lost, "snapshot", `{"a":1,`+filler+`}`)
}

func TestPartsAreTold(t *testing.T) { everyWriter(t, testPartsAreTold) }

func testPartsAreTold(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish(`{"a":1,"b":{"c":1,"d":1}}`)
	c := r.open(r.dial(), "field=/b/c&field=/a&limit=3")
	same := r.open(r.dial(), "field=/a&field=/b/c&field=/a&limit=3")
	if n := r.engine.Stats().Views; n != 1 {
		t.Errorf("%d views, want the same one for the same fields", n)
	}
	r.publish(`{"a":1,"b":{"c":1,"d":2}}`) // changes no part that the client wants
	r.publish(`{"a":1,"b":{"c":3,"d":2}}`)
	r.publish(`{"a":4,"b":{"c":3,"d":3}}`)
	for _, c := range []*client{c, same} {
		c.expect(`{"a":1,"b":{"c":1}}`, `{"a":1,"b":{"c":3}}`, `{"a":4,"b":{"c":3}}`)
		c.expectEnd()
	}
	r.await("nobody is left", func(s fanout.Stats) bool { return s.Clients == 0 && s.Views == 0 && s.FormBytes == 0 })
}

// The base of a patch is the last document that was sent to the client.
func TestDifferencesOfParts(t *testing.T) { everyWriter(t, testDifferencesOfParts) }

func testDifferencesOfParts(_ *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	first := r.publish(`{"a":{"n":1,` + filler + `},"b":1}`)
	c := r.open(r.dial(), "mode=patch&field=/a")
	c.expect(`{"a":{"n":1,` + filler + `}}`)
	r.publish(`{"a":{"n":1,` + filler + `},"b":2}`)
	third := r.publish(`{"a":{"n":3,` + filler + `},"b":2}`)
	c.expect(`{"base":"` + first.String() + `","ops":[{"op":"replace","path":"/a/n","value":3}]}`)
	r.publish(`{"a":{"n":4,` + filler + `},"b":2}`)
	c.expect(`{"base":"` + third.String() + `","ops":[{"op":"replace","path":"/a/n","value":4}]}`)
}

// A client whose stream is removed goes on with its others.
func TestStreamsAreRemoved(t *testing.T) { everyWriter(t, testStreamsAreRemoved) }

func testStreamsAreRemoved(t *testing.T, start starter) {
	r := start(hub.Options{Streams: hub.Named("a", "b")}, fanout.Options{})
	both, one := r.open(r.dial(), "stream=a&stream=b"), r.open(r.dial(), "stream=a")
	r.publishTo("b", "1")
	both.expect("1")
	if err := r.hub.SetStreams(hub.Named("b")); err != nil {
		t.Fatal(err)
	}
	r.publishTo("b", "2")
	for _, c := range []*client{both, one} {
		if e := c.next(); e.Name != "status" || !strings.Contains(string(e.Data), `"error":"removed"`) {
			t.Errorf("got %s %s", e.Name, e.Data)
		}
	}
	one.expectEnd()
	both.expect("2")
	r.await("the one has ended", func(s fanout.Stats) bool { return s.Clients == 1 && s.Ended[fanout.ReasonRemoved] == 1 })

	// A client that returns gets the status too.
	back := r.open(r.dial(), "stream=a&stream=b", "Last-Event-ID: "+both.LastEventID())
	if e := back.next(); e.Name != "status" || !strings.Contains(string(e.Data), `"error":"removed"`) {
		t.Errorf("got %s %s", e.Name, e.Data)
	}
	r.publishTo("b", "3")
	back.expect("3")
}

func TestLines(t *testing.T) { everyWriter(t, testLines) }

func testLines(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	id := r.publish(`{"text":"\u2028` + "\U0001F600" + `"}`)
	status, err := r.hub.Publish(t.Context(), hub.Message{Status: &hub.Status{State: hub.Stale, Error: "timeout"}})
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(r.ask(r.dial(), "lines=1&limit=2"))
	next := func() string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("no line: %v", lines.Err())
		}
		return lines.Text()
	}
	newest, err := r.hub.Latest("default")
	if err != nil {
		t.Fatal(err)
	}
	made := newest.Time().UTC().Format("2006-01-02T15:04:05.000Z")
	var greeting struct {
		Event string
		Data  struct {
			Retry int
			Now   time.Time
			Made  map[string]string
		}
	}
	if err := json.Unmarshal([]byte(next()), &greeting); err != nil || greeting.Event != "hb" || greeting.Data.Retry < 2000 || greeting.Data.Retry > 5000 ||
		greeting.Data.Now.IsZero() || greeting.Data.Made["default"] != made {
		t.Errorf("the greeting is %+v, %v", greeting, err)
	}
	if got, want := next(), `{"event":"message","id":"`+id.String()+`","stream":"default","time":"`+made+`","data":{"text":"\u2028`+"\U0001F600"+`"}}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got, want := next(), `{"event":"status","data":{"stream":"default","state":"stale","since":null,"lastSuccess":null,"error":"timeout"}}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got, want := next(), `{"event":"position","id":"`+status.String()+`"}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	r.publish(`2`)
	if got := next(); !strings.HasSuffix(got, `Z","data":2}`) {
		t.Errorf("got %s", got)
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("behind the limit comes %q, %v", lines.Text(), lines.Err())
	}
}

// A client that applies each difference has the upstream's document, with compression, as
// a slow client, and after resets.
func TestDifferencesGiveTheDocument(t *testing.T) { everyWriter(t, testDifferencesGiveTheDocument) }

func testDifferencesGiveTheDocument(t *testing.T, start starter) {
	const events = 200
	id, err := document.ParsePointer("/id")
	if err != nil {
		t.Fatal(err)
	}
	r := start(hub.Options{Buffer: 1, HistoryBytes: 1 << 20}, fanout.Options{FormBytes: 4 << 10, Key: func(string) document.Pointer { return id }})
	r.publish(documentAt(0))
	done := make(chan error, 4)
	for _, c := range []*client{
		r.open(r.dial(), "mode=patch"), r.open(r.dial(), "mode=merge"),
		r.openGzip(r.dial(), "mode=patch"), r.openGzip(r.dial(), "mode=merge"),
	} {
		go func() { done <- c.follow(documentAt(events)) }()
	}
	for i := range events {
		r.publish(documentAt(i + 1))
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// documentAt is a list whose head moves, among members that hardly change.
func documentAt(i int) string {
	var items []string
	for n := i; n < i+20; n++ {
		items = append(items, fmt.Sprintf(`{"id":%d,"price":%d.0,"name":"number %d"}`, n, 10*n+i%3, n))
	}
	return fmt.Sprintf(`{"at":%d,"big":1e400,"items":[%s],"same":{"b":1,"a":-0.0}}`, i, strings.Join(items, ","))
}

// follow applies everything until it has the last document.
func (c *client) follow(last string) error {
	var have []byte
	var at string
	want, err := document.Parse([]byte(last))
	if err != nil {
		return err
	}
	for {
		e, err := c.Next()
		if err != nil {
			return err
		}
		var change struct {
			Base       string
			Ops, Patch json.RawMessage
		}
		switch e.Name {
		case "snapshot":
			have = e.Data
		case "patch", "merge":
			if err := json.Unmarshal(e.Data, &change); err != nil {
				return err
			}
			if change.Base != at {
				return fmt.Errorf("a %s of %s for a client at %s", e.Name, change.Base, at)
			}
			if have, err = apply(have, change.Ops, change.Patch); err != nil {
				return err
			}
		default:
			return errors.New("unexpected " + e.Name)
		}
		at = c.LastEventID()
		got, err := document.Parse(have)
		if err != nil {
			return fmt.Errorf("what came makes %.200s: %w", have, err)
		}
		if document.Equal(got, want) {
			return nil
		}
	}
}

func apply(have, ops, patch []byte) ([]byte, error) {
	if patch != nil {
		return jsonpatch.MergePatch(have, patch)
	}
	decoded, err := jsonpatch.DecodePatch(ops)
	if err != nil {
		return nil, err
	}
	return decoded.Apply(have)
}

func TestViewsHaveLimits(t *testing.T) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := fanout.New(fanout.Options{Hub: h, MaxViews: 1})
	if err != nil {
		t.Fatal(err)
	}
	open := func(view view.View) (*fanout.Client, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		return engine.Open(r, fanout.Request{View: view})
	}
	long := "/" + strings.Repeat("x", 255)
	for name, fields := range map[string][]string{
		"no pointer": {"a"}, "too long": {long + "x"}, "too many": strings.Fields(strings.Repeat("/", 1) + " /1 /2 /3 /4 /5 /6 /7 /8 /9 /10 /11 /12 /13 /14 /15 /16"),
	} {
		if _, err := open(view.View{Fields: fields}); !errors.Is(err, view.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	one, err := open(view.View{Fields: []string{long}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(view.View{Mode: view.Patch, Fields: []string{long}}); !errors.Is(err, view.ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	whole, err := open(view.View{Mode: view.Patch})
	if err != nil {
		t.Fatalf("whole documents: %v", err)
	}
	same, err := open(view.View{Fields: []string{long}})
	if err != nil {
		t.Fatalf("the same view: %v", err)
	}
	one.Close()
	one.Close()
	same.Close()
	whole.Close()
	if s := engine.Stats(); s.Views != 0 || s.Clients != 0 {
		t.Errorf("left: %+v", s)
	}
}

// A client that resumes does not get the parts again that it has, unless history has
// dropped the document at its position. With deltas it gets a snapshot.
func TestResumingWithUnchangedParts(t *testing.T) { everyWriter(t, testResumingWithUnchangedParts) }

func testResumingWithUnchangedParts(_ *testing.T, start starter) {
	r := start(hub.Options{History: 4, Streams: hub.Named("default", "other")}, fanout.Options{})
	r.publishTo("other", `{"a":1,"b":1}`)
	r.publish(`{"a":1,"b":1}`)
	at := "Last-Event-ID: " + r.publishTo("other", `{"a":1,"b":2}`).String()
	r.publish(`{"a":1,"b":2}`)
	r.publishTo("other", `{"a":1,"b":3}`)
	both := r.open(r.dial(), "field=/a&stream=default&stream=other", at)
	patch := r.open(r.dial(), "field=/a&mode=patch", at)
	whole := r.open(r.dial(), "", at)
	patch.expect(`{"a":1}`)
	whole.expect(`{"a":1,"b":2}`)
	r.publish(`{"a":2,"b":2}`)
	both.expect(`{"a":2}`)
	r.publishTo("other", `{"a":3,"b":2}`)
	both.expect(`{"a":3}`)
	r.open(r.dial(), "field=/a").expect(`{"a":2}`)

	for range 2 {
		r.publish(`{"a":2,"b":3}`)
	}
	// What came before is gone, but nothing behind the position is.
	r.open(r.dial(), "field=/a", at).expect(`{"a":1}`, `{"a":2}`)
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub/sse"
)

// What an upstream writes: numbers that no float64 holds, keys in an order of
// its own, and characters that end a line for some readers. A delta has to be
// shorter than the document, so there is something that does not change.
const (
	asWritten = `{"zeta":9007199254740993,"huge":1e400,"zero":-0.0,"list":[1.10,{"y":1E+2,"b":-0}],` +
		`"escaped":"a\u2028b","raw":"` + "a\u2028b" + `","emoji":"😀","pair":"\ud83d\ude00","slash":"\/",` +
		`"same":"1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",` +
		`"more":"1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"}`
	asSelected = `{"emoji":"😀","escaped":"` + "a\u2028b" + `","huge":1e400,"list":[1.10,{"b":-0,"y":1E+2}]}`
)

// changes are what becomes of it, each behind the one before: each as it is
// written in the whole document and in a delta.
var changes = []struct{ old, new string }{
	{`"zeta":9007199254740993`, `"zeta":9007199254740995`},
	{`"huge":1e400`, `"huge":1E400`},   // the same number, written otherwise
	{`"zero":-0.0`, `"zero":0.0`},      // likewise, for some
	{`"y":1E+2`, `"y":1e999999999999`}, // within an array
	{`"emoji":"😀"`, `"emoji":{"z":-0.0,"😀":"\u2028` + "\u2028" + `😀","a":[0.10,12345678901234567890]}`},
}

// Numbers arrive as they were written, keys keep their order, and strings their
// escapes, those of a select apart: through HTTP, the poller, the hub and the writers, as whole documents
// and as deltas, as events and as lines.
func TestAsWritten(t *testing.T) {
	expectNoLeak(t)
	u := startUpstream(t, nil, always(asWritten))
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	settings := []string{"headers: {X-Api-Key: " + secret + "}", "every: 1s"}
	if err := os.WriteFile(file, []byte("streams:\n"+
		entry("whole", u.url(), settings...)+
		entry("selected", u.url(), slices.Concat(settings, []string{"select: '{list, huge, escaped, emoji}'"})...)), 0o600); err != nil {
		t.Fatal(err)
	}
	url, stop := startProgram(t, "--config", file)
	eventually(t, "documents", func() bool {
		states := streamStates(t, url)
		return states["whole"].Events == 1 && states["selected"].Events == 1
	})

	var followers []*follower
	for _, mode := range []string{"full", "patch", "merge"} {
		for _, accept := range []string{"text/event-stream", "application/x-ndjson"} {
			followers = append(followers, startFollower(t, url+"/api/sse?stream=whole&mode="+mode, mode, accept))
		}
	}
	document := asWritten
	for _, f := range followers {
		f.expectDocument(t, document)
	}
	if got := getOK(t, url+"/api/latest?stream=selected"); got != asSelected {
		t.Errorf("selected: %s", got)
	}
	for _, change := range changes {
		document = strings.Replace(document, change.old, change.new, 1)
		u.give(always(document))
		for _, f := range followers {
			f.expectChange(t, document, strings.SplitN(change.new, ":", 2)[1])
		}
		if got := getOK(t, url+"/api/latest?stream=whole"); got != document {
			t.Errorf("the newest document is %s", got)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// follower is a client that makes the document of what it hears.
type follower struct {
	mode    string
	next    func() (sse.Event, error)
	version any    // the document, numbers as they are written
	id      string // of that
}

// expectDocument expects the whole document, byte for byte.
func (f *follower) expectDocument(t *testing.T, document string) {
	t.Helper()
	e, err := f.next()
	if err != nil {
		t.Fatal(err)
	}
	if string(e.Data) != document {
		t.Errorf("%s: got %s, want %s", f.mode, e.Data, document)
	}
	f.version, f.id = parsed(t, document), e.ID
}

// expectChange expects the document, or a delta that leads to it and has a value
// in it as it was written.
func (f *follower) expectChange(t *testing.T, document, value string) {
	t.Helper()
	if f.mode == "full" {
		f.expectDocument(t, document)
		return
	}
	e, err := f.next()
	if err != nil {
		t.Fatal(err)
	}
	if e.Name != f.mode || !strings.Contains(string(e.Data), value) {
		t.Errorf("got %s %s, want a %s with %s", e.Name, e.Data, f.mode, value)
	}
	var delta struct {
		Base  string
		Patch json.RawMessage
		Ops   []operation
	}
	if err := json.Unmarshal(e.Data, &delta); err != nil {
		t.Fatal(err)
	}
	if delta.Base != f.id {
		t.Errorf("a %s of %s, and the client has %s", f.mode, delta.Base, f.id)
	}
	f.id = e.ID
	if f.mode == "merge" {
		f.version = merged(f.version, parsed(t, string(delta.Patch)))
	}
	for _, op := range delta.Ops {
		f.version = op.apply(t, f.version)
	}
	if diff := cmp.Diff(parsed(t, document), f.version); diff != "" {
		t.Errorf("%s leads to (+), want (-):\n%s", f.mode, diff)
	}
}

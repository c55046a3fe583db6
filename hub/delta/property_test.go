package delta_test

import (
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub/delta"
	"github.com/polluxhub/pollux/hub/document"
)

func pointer(t testing.TB, text string) document.Pointer {
	t.Helper()
	p, err := document.ParsePointer(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestDeltas follows chains of documents by deltas alone, as a client does. Two
// implementations apply each delta: the one of this package's tests, which keeps
// numbers and strings as they are written, and evanphx/json-patch.
func TestDeltas(t *testing.T) {
	patches, merges := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		var options delta.Options
		if rapid.Bool().Draw(rt, "keyed") {
			options.Key = pointer(t, "/id")
		}
		n := randomDocument(rt)
		patched, merged := n.String(), n.String()
		for range 20 {
			from := n.String()
			for range rapid.IntRange(0, 4).Draw(rt, "edits") {
				edit(rt, n)
			}
			to := n.String()

			if ops, ok := delta.Patch([]byte(from), []byte(to), options); ok {
				patches++
				judgePatch(rt, from, to, string(ops))
				var err error
				if patched, err = applyPatch(patched, string(ops)); err != nil {
					rt.Fatal(err)
				}
			} else {
				patched = to
			}
			judge(rt, "a chain of patches", patched, to)

			if doc, ok := delta.Merge([]byte(from), []byte(to)); ok {
				merges++
				judgeMerge(rt, from, to, string(doc))
				merged = mergePatch(newNode(parse(t, merged)), newNode(parse(t, string(doc)))).String()
			} else {
				merged = to
			}
			judge(rt, "a chain of merges", merged, to)
		}
	})
	if patches == 0 || merges == 0 {
		t.Errorf("%d patches and %d merges were judged", patches, merges)
	}
}

// judge compares scalars as they are written: in these documents, equal scalars have
// the same spelling.
func judge(t *rapid.T, what, got, want string) {
	a, errGot := document.Parse([]byte(got))
	b, errWant := document.Parse([]byte(want))
	if errGot != nil || errWant != nil || !document.Equal(a, b) || !alike(newNode(a), newNode(b)) {
		t.Fatalf("%s gives\n%s, want\n%s", what, got, want)
	}
}

func alike(a, b *node) bool {
	if a.text != b.text || len(a.kids) != len(b.kids) {
		return false
	}
	for i, kid := range a.kids {
		at := i
		if a.text == "{" {
			at = b.index(name(a.keys[i]))
		}
		if at < 0 || !alike(kid, b.kids[at]) {
			return false
		}
	}
	return true
}

func judgePatch(t *rapid.T, from, to, ops string) {
	if len(ops) >= len(to) {
		t.Fatalf("%d bytes for %d", len(ops), len(to))
	}
	got, err := applyPatch(from, ops)
	if err != nil {
		t.Fatalf("%v\nfrom %s\nto %s\nby %s", err, from, to, ops)
	}
	judge(t, ops, got, to)

	// evanphx/json-patch takes an empty token in a path for the whole document.
	if strings.Contains(ops, "//") {
		return
	}
	patch, err := jsonpatch.DecodePatch([]byte(ops))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := patch.Apply([]byte(from))
	if err != nil {
		t.Fatalf("evanphx/json-patch: %v\nfrom %s\nto %s\nby %s", err, from, to, ops)
	}
	judgeTheirs(t, ops, theirs, to)
}

func judgeMerge(t *rapid.T, from, to, doc string) {
	if len(doc) >= len(to) {
		t.Fatalf("%d bytes for %d", len(doc), len(to))
	}
	a, err := document.Parse([]byte(from))
	if err != nil {
		t.Fatal(err)
	}
	b, err := document.Parse([]byte(doc))
	if err != nil {
		t.Fatalf("%v: %s", err, doc)
	}
	judge(t, doc, mergePatch(newNode(a), newNode(b)).String(), to)

	// evanphx/json-patch also removes nulls from objects in arrays.
	if nullInArray(newNode(b), false) {
		return
	}
	theirs, err := jsonpatch.MergePatch([]byte(from), []byte(doc))
	if err != nil {
		t.Fatalf("evanphx/json-patch: %v\nfrom %s\nto %s\nby %s", err, from, to, doc)
	}
	judgeTheirs(t, doc, theirs, to)
}

func nullInArray(n *node, inArray bool) bool {
	for _, kid := range n.kids {
		if inArray && n.text == "{" && kid.text == "null" || nullInArray(kid, inArray || n.text == "[") {
			return true
		}
	}
	return false
}

// judgeTheirs compares by value, because evanphx/json-patch escapes HTML.
func judgeTheirs(t *rapid.T, by string, theirs []byte, to string) {
	theirs, err := document.Compact(theirs)
	if err != nil {
		t.Fatal(err)
	}
	a, errGot := document.Parse(theirs)
	b, errWant := document.Parse([]byte(to))
	if errGot != nil || errWant != nil || !document.Equal(a, b) {
		t.Fatalf("evanphx/json-patch gives\n%s, want\n%s\nby %s", theirs, to, by)
	}
}

// TestDeltasOfStrangers compares documents that have nothing in common.
func TestDeltasOfStrangers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		from, to := randomDocument(rt).String(), randomDocument(rt).String()
		for _, key := range []string{"", "/id"} {
			if ops, ok := delta.Patch([]byte(from), []byte(to), delta.Options{Key: pointer(t, key)}); ok {
				judgePatch(rt, from, to, string(ops))
			}
		}
		if doc, ok := delta.Merge([]byte(from), []byte(to)); ok {
			judgeMerge(rt, from, to, string(doc))
		}
	})
}

// FuzzDelta checks that nothing panics, and that a delta leads from one document to the
// other.
func FuzzDelta(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":1,"b":[1,2,3],"padding":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`, `{"a":1,"b":[2,3],"padding":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`},
		{`[{"id":1},{"id":2},{"id":3},"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]`, `[{"id":1},{"id":2},{"id":3},"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]`},
		{`[{"id":1,"x":"xxxxxxxxxxxxx"},{"id":2,"x":"xxxxxxxxxxxxxxxxxxxxx"},{"id":3,"x":"xxxxxxxxxxxxxxxxxxxxxxx"}]`, `[{"id":3,"x":"xxxxxxxxxxxxxxxxxxxxxxx"},{"id":1,"x":"xxxxxxxxxxxxx"},{"id":2,"x":"xxxxxxxxxxxxxxxxxxxxx"}]`},
		{`{"\ud800":{"~/":1},"padding":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`, `{"\ud800":{"\u007e\/":2},"padding":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`},
		{`{"a":1,"a":2}`, `{"a":{"b":null}}`}, {`{`, `1`}, {`"xxxxxx"`, `"xxxxxx"`}, {`[[[[1]]]]`, `[[[[2,1]]]]`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), true)
		f.Add([]byte(seed[1]), []byte(seed[0]), false)
	}
	f.Fuzz(func(t *testing.T, from, to []byte, keyed bool) {
		if compact, err := document.Compact(from); err == nil {
			from = compact
		}
		if compact, err := document.Compact(to); err == nil {
			to = compact
		}
		var options delta.Options
		if keyed {
			options.Key = pointer(t, "/id")
		}
		if ops, ok := delta.Patch(from, to, options); ok {
			got, err := applyPatch(string(from), string(ops))
			if err != nil || len(ops) >= len(to) || !document.Equal(parse(t, got), parse(t, string(to))) {
				t.Fatalf("from %s\nto %s\nby %s: %v, %s", from, to, ops, err, got)
			}
		}
		if doc, ok := delta.Merge(from, to); ok {
			got := mergePatch(newNode(parse(t, string(from))), newNode(parse(t, string(doc)))).String()
			if len(doc) >= len(to) || !document.Equal(parse(t, got), parse(t, string(to))) {
				t.Fatalf("from %s\nto %s\nby %s: %s", from, to, doc, got)
			}
		}
	})
}

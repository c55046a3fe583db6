package document_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub/document"
)

func TestProjectionPicks(t *testing.T) {
	const whole = `{"b":{"d":1e400,"c":-0.0},"a":9007199254740993,"items":[{"id":1,"x":"\u2028"},{"id":2}],"~/":"k","":0,"a":2}`
	for _, test := range []struct{ name, fields, want string }{
		{"nothing asked for is everything", "", whole},
		{"members, in the order of the document, as written, twins included", "/a /b/c", `{"b":{"c":-0.0},"a":9007199254740993,"a":2}`},
		{"a part and a part of it is the part", "/b/c /b", `{"b":{"d":1e400,"c":-0.0}}`},
		{"the same the other way round", "/b /b/c", `{"b":{"d":1e400,"c":-0.0}}`},
		{"elements move up", "/items/1/id", `{"items":[{"id":2}]}`},
		{"an index is written in one way", "/items/01/id /items/-/id", `{}`},
		{"of an array, in its order", "/items/1/id /items/0/id /items/7", `{"items":[{"id":1},{"id":2}]}`},
		{"of an element that has no such part", "/items/1/x", `{}`},
		{"escapes", "/~0~1", `{"~/":"k"}`},
		{"the empty key", "/", `{"":0}`},
		{"a string as it was written", "/items/0/x", `{"items":[{"x":"\u2028"}]}`},
		{"what is not there is left out", "/nope /a/deeper /b/nope", `{}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := document.NewProjection(strings.Fields(test.fields))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(p.Apply([]byte(whole))); got != test.want {
				t.Errorf("%s\n got %s\nwant %s", test.fields, got, test.want)
			}
			if got := string(p.Pick(parse(t, whole))); got != test.want {
				t.Errorf("of a parsed document %s\n got %s\nwant %s", test.fields, got, test.want)
			}
		})
	}
	p, err := document.NewProjection([]string{"/a"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{`[1,2]`: `[]`, `[]`: `[]`, `{}`: `{}`, `7`: `null`, `no JSON`: `null`} {
		if got := string(p.Apply([]byte(text))); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if _, err := document.NewProjection([]string{"a"}); err == nil {
		t.Error("a pointer without a slash was taken")
	}
	long := "/" + strings.Repeat("x", 255)
	for _, fields := range [][]string{{long + "x"}, strings.Fields(strings.Repeat("/a ", 17))} {
		if _, err := document.NewProjection(fields); !errors.Is(err, document.ErrFields) {
			t.Errorf("%d fields of %d bytes: %v", len(fields), len(fields[0]), err)
		}
	}
	if _, err := document.NewProjection(append(strings.Fields(strings.Repeat("/a ", 15)), long)); err != nil {
		t.Errorf("as many and as long as can be: %v", err)
	}
	if p, err := document.NewProjection([]string{"/a", ""}); err != nil || string(p.Apply([]byte(whole))) != whole {
		t.Error("the empty pointer does not pick everything")
	}
}

// Projections to the same parts have the same text, and others have different texts.
func TestProjectionsAreDistinguished(t *testing.T) {
	seen := map[string]int{}
	for i, group := range [][][]string{
		{nil, {""}, {"/a", ""}},
		{{"/a", "/b"}, {"/b", "/a"}, {"/a", "/b", "/a"}},
		{{"/a"}, {"/a", "/a"}},
		{{`/a" "/b`}},
		{{"/a,/b"}},
	} {
		for _, pointers := range group {
			p, err := document.NewProjection(pointers)
			if err != nil {
				t.Fatal(err)
			}
			if other, ok := seen[p.String()]; ok && other != i {
				t.Errorf("%q has the text of another: %s", pointers, p)
			}
			seen[p.String()] = i
		}
		if len(seen) != i+1 {
			t.Errorf("%q have more than one text: %v", group, seen)
		}
	}
}

// The cost of picking from a parsed document depends on the values on the path, not on
// the length of the document.
func TestPickAllocatesLittle(t *testing.T) {
	v := parse(t, "["+strings.Repeat("1,", 100_000)+`{"a":1}]`)
	p, err := document.NewProjection([]string{"/5", "/100000/a"})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(p.Pick(v)); got != `[1,{"a":1}]` {
		t.Errorf("picked %s", got)
	}
	if n := testing.AllocsPerRun(10, func() { p.Pick(v) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
	if size, want := v.Footprint(), 20*100_003; size < want || size > want+want/8 {
		t.Errorf("the tree takes %d bytes, want %d", size, want)
	}
}

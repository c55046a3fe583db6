package delta_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub/delta"
)

const mebibyte = 1 << 20

// hostile returns pairs of documents of about a mebibyte that are made to take long.
var hostile = []struct {
	name string
	said bool // expressed by a patch
	make func() (from, to string)
}{
	{"all numbers changed", false, func() (string, string) {
		return "[" + strings.Repeat("1,", mebibyte/2) + "1]", "[" + strings.Repeat("2,", mebibyte/2) + "2]"
	}},
	{"long common subsequence", false, func() (string, string) {
		random := rand.New(rand.NewPCG(1, 2))
		var a, b []string
		for range 30_000 {
			a = append(a, fmt.Sprint(random.IntN(1000)+1e15))
			b = append(b, fmt.Sprint(random.IntN(1000)+1e15))
		}
		return "[" + strings.Join(a, ",") + "]", "[" + strings.Join(b, ",") + "]"
	}},
	{"compared anew on 900 levels", false, func() (string, string) {
		inner := `"` + strings.Repeat("x", mebibyte) + `"`
		nest := func(innermost string) string {
			return strings.Repeat("[", 900) + inner + innermost + strings.Repeat(",1]", 899)
		}
		return nest(",1]"), nest(",2]")
	}},
	{"a large change under 900 small ones", false, func() (string, string) {
		nest := func(inner, small string) string {
			return strings.Repeat(`{"a":`, 900) + inner + strings.Repeat(`,"b":`+small+"}", 900)
		}
		return nest(`"`+strings.Repeat("x", mebibyte)+`"`, "1"), nest(`"`+strings.Repeat("y", mebibyte/2)+`"`, "2")
	}},
	{"keys reversed on 900 levels", false, func() (string, string) {
		var a, b strings.Builder
		for range 900 {
			a.WriteString(`{"a":0,"b":1,"c":2,"d":3,"z":`)
			b.WriteString(`{"d":3,"c":2,"b":1,"a":9,"z":`)
		}
		rest := `"` + strings.Repeat("y", mebibyte) + `"` + strings.Repeat("}", 900)
		return a.String() + rest, b.String() + rest
	}},
	{"many members in another order", true, func() (string, string) {
		var members []string
		for n := range 80_000 {
			members = append(members, fmt.Sprintf(`"%d":%d`, n, n%7))
		}
		from := "{" + strings.Join(members, ",") + "}"
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		return from, "{" + strings.Join(members, ",") + "}"
	}},
	{"many entries in another order", false, func() (string, string) {
		var entries []string
		for n := range 60_000 {
			entries = append(entries, fmt.Sprintf(`{"id":%d,"x":1}`, n))
		}
		from := "[" + strings.Join(entries, ",") + "]"
		slices.Reverse(entries)
		return from, "[" + strings.Join(entries, ",") + "]"
	}},
	{"escapes", true, func() (string, string) {
		return `["` + strings.Repeat(`\u0041`, mebibyte/6) + `",1,1,1,1]`, `["` + strings.Repeat("A", mebibyte/6) + `",1,1,1,2]`
	}},
}

// TestHostile checks that each comparison ends. The benchmark of the same name shows
// how long it takes. Without the bound on work, the pair "compared anew" would have a
// patch of one operation.
func TestHostile(t *testing.T) {
	for _, test := range hostile {
		t.Run(test.name, func(t *testing.T) {
			from, to := test.make()
			for _, key := range []string{"", "/id"} {
				ops, ok := delta.Patch([]byte(from), []byte(to), delta.Options{Key: pointer(t, key)})
				if ok != test.said || len(ops) >= len(to) {
					t.Errorf("key %q: %v, %d bytes of operations for %d", key, ok, len(ops), len(to))
				}
			}
			if doc, ok := delta.Merge([]byte(from), []byte(to)); ok && len(doc) >= len(to) {
				t.Errorf("%d bytes of a merge patch for %d", len(doc), len(to))
			}
		})
	}
}

// Each bound on the search for common elements, from both sides.
func TestSearchIsBounded(t *testing.T) {
	strange := func(n int) []string { // n elements, all different
		elements := make([]string, n)
		for i := range elements {
			elements[i] = fmt.Sprintf(`"%0100d"`, i)
		}
		return elements
	}
	array := func(elements []string) string { return "[" + strings.Join(elements, ",") + "]" }
	moved := func(pairs int) []string { // the first element moves to the end, and pairs of neighbours are exchanged
		elements := strange(1000)
		for i := range pairs {
			elements[2*i+1], elements[2*i+2] = elements[2*i+2], elements[2*i+1]
		}
		return append(elements[1:], elements[0])
	}
	// On each of these levels, the search has to find an element that was written anew.
	nested := func(levels int) (from, to string) {
		from, to = "1", "2"
		for range levels {
			from, to = "["+from+`,{"a":1,"b":2}]`, "["+to+`,{"b":2,"a":1}]`
		}
		return from, to
	}
	few, many := array(strange(1000)), strange(1<<15)
	for i := range many {
		many[i] = fmt.Sprint(1e9 + i)
	}
	flatFrom, flatTo := nested(100)
	deepFrom, deepTo := nested(400)
	for _, test := range []struct {
		name     string
		from, to string
		said     bool
	}{
		{"256 edits", few, array(moved(127)), true},
		{"258 edits", few, array(moved(128)), false},
		{"65536 elements", array(many), array(append(many[1:len(many):len(many)], "1")), true},
		{"65537 elements", array(many), array(append(many[1:len(many):len(many)], "1", "2")), false},
		{"little work", flatFrom, flatTo, true},
		{"much work in a small document", deepFrom, deepTo, false},
	} {
		if ops, ok := delta.Patch([]byte(test.from), []byte(test.to), delta.Options{}); ok != test.said {
			t.Errorf("%s: %v, %d bytes of operations for %d", test.name, ok, len(ops), len(test.to))
		}
	}
}

func BenchmarkHostile(b *testing.B) {
	for _, test := range hostile {
		from, to := test.make()
		for _, key := range []string{"", "/id"} {
			b.Run(test.name+key, func(b *testing.B) {
				options := delta.Options{Key: pointer(b, key)}
				b.ReportAllocs()
				said := 0
				for b.Loop() {
					if ops, ok := delta.Patch([]byte(from), []byte(to), options); ok {
						said = len(ops)
					}
				}
				b.ReportMetric(float64(said), "bytes-said")
			})
		}
	}
}

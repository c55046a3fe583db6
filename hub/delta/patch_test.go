package delta_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub/delta"
	"github.com/polluxhub/pollux/hub/document"
)

// padded returns an object that is large enough for a delta to be smaller. Its member
// "v" is the value.
func padded(value string) string {
	return `{"padding":"` + strings.Repeat("x", 2000) + `","v":` + value + `}`
}

// long is a string that a good patch does not repeat.
var long = strings.Repeat("long ", 30)

func TestPatch(t *testing.T) {
	for _, test := range []struct {
		name, from, to, want string // of the member "v"
	}{
		{"nothing", `1`, `1`, `[]`},
		{"order of keys", `{"a":1,"b":2}`, `{"b":2,"a":1}`, `[]`},
		{"order of keys in elements", `[0,{"a":1,"b":2}]`, `[0,{"b":2,"a":1}]`, `[]`},
		{"escaped in another way", `["\u0041"]`, `["A"]`, `[]`},
		{"number", `1`, `2`, `[{"op":"replace","path":"/v","value":2}]`},
		{"2^53+1", `9007199254740992`, `9007199254740993`, `[{"op":"replace","path":"/v","value":9007199254740993}]`},
		{"beyond float64", `1e401`, `1e400`, `[{"op":"replace","path":"/v","value":1e400}]`},
		{"negative zero", `0`, `-0.0`, `[{"op":"replace","path":"/v","value":-0.0}]`},
		{"written otherwise", `1`, `1.0`, `[{"op":"replace","path":"/v","value":1.0}]`},
		{"escapes", `""`, `"\u2028\/👩‍👩‍👧"`, `[{"op":"replace","path":"/v","value":"\u2028\/👩‍👩‍👧"}]`},
		{"null", `1`, `null`, `[{"op":"replace","path":"/v","value":null}]`},
		{"kind", `{"a":1}`, `["a",1]`, `[{"op":"replace","path":"/v","value":["a",1]}]`},
		{"order of keys in what is new", `1`, `{"z":1,"a":2}`, `[{"op":"replace","path":"/v","value":{"z":1,"a":2}}]`},

		{"member added", `{"a":1}`, `{"a":1,"b":{"d":1,"c":2}}`, `[{"op":"add","path":"/v/b","value":{"d":1,"c":2}}]`},
		{"members added in order", `{"m":"` + long + `"}`, `{"z":1,"m":"` + long + `","a":2}`, `[{"op":"add","path":"/v/z","value":1},{"op":"add","path":"/v/a","value":2}]`},
		{"member removed", `{"a":"long enough to be worth it","b":[1,2,3]}`, `{"a":"long enough to be worth it"}`, `[{"op":"remove","path":"/v/b"}]`},
		{"empty key", `{"":1,"a":"long enough to be worth it"}`, `{"":2,"a":"long enough to be worth it"}`, `[{"op":"replace","path":"/v/","value":2}]`},
		{"escaped keys", `{"a/b":{"m~n":1,"x":"long enough to be worth it"}}`, `{"a\/b":{"m\u007en":2,"x":"long enough to be worth it"}}`, `[{"op":"replace","path":"/v/a~1b/m~0n","value":2}]`},
		{"keys with escapes", `{"\u002f\u002F\\/\"\n":1,"x":"long enough to be worth it"}`, `{"\u002f\u002F\\/\"\n":2,"x":"long enough to be worth it"}`, `[{"op":"replace","path":"/v/~1~1\\~1\"\n","value":2}]`},
		{"surrogate alone in a key", `{"\ud800":1,"x":"long enough to be worth it"}`, `{"\ud800":2,"x":"long enough to be worth it"}`, `[{"op":"replace","path":"/v/\ud800","value":2}]`},
		{"shorter as a whole", `{"a":1,"b":2}`, `{"a":3,"b":4}`, `[{"op":"replace","path":"/v","value":{"a":3,"b":4}}]`},
		{"shorter as a part", `{"a":{"a":1,"b":2},"x":"long enough to be worth it"}`, `{"a":{"a":3,"b":4},"x":"long enough to be worth it"}`, `[{"op":"replace","path":"/v/a","value":{"a":3,"b":4}}]`},

		{"element at the head", list(1, 2, 3), list(0, 1, 2, 3), `[{"op":"add","path":"/v/0","value":` + item(0) + `}]`},
		{"element at the end", list(1, 2, 3), list(1, 2, 3, 4), `[{"op":"add","path":"/v/3","value":` + item(4) + `}]`},
		{"element removed", list(1, 2, 3), list(1, 3), `[{"op":"remove","path":"/v/1"}]`},
		{"one in, one out", list(1, 2, 3, 4), list(0, 1, 2, 3), `[{"op":"add","path":"/v/0","value":` + item(0) + `},{"op":"remove","path":"/v/4"}]`},
		{"changes far apart", list(1, 2, 3, 4, 5), list(9, 2, 3, 4, 8, 5), `[{"op":"replace","path":"/v/0","value":` + item(9) + `},{"op":"add","path":"/v/4","value":` + item(8) + `}]`},
		{"many for one", list(1, 2, 3, 4, 5, 6, 7, 8), list(9, 4, 5, 6, 7, 8), `[{"op":"replace","path":"/v/0","value":` + item(9) + `},{"op":"remove","path":"/v/1"},{"op":"remove","path":"/v/1"}]`},
		{
			"equal but for its bytes, between others",
			`["` + long + `1",{"a":"` + long + `/","b":2},"` + long + `2"]`,
			`["` + long + `3","` + long + `4",{"\u0062":2,"a":"` + long + `\/"},"` + long + `5"]`,
			`[{"op":"replace","path":"/v/0","value":"` + long + `3"},{"op":"add","path":"/v/1","value":"` + long + `4"},{"op":"replace","path":"/v/3","value":"` + long + `5"}]`,
		},
		{"first of many removed", `[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]`, `[2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]`, `[{"op":"remove","path":"/v/0"}]`},
		{"equal elements", `["aaaaaaaaaaaaaaaaaaaa","aaaaaaaaaaaaaaaaaaaa"]`, `["aaaaaaaaaaaaaaaaaaaa","aaaaaaaaaaaaaaaaaaaa","aaaaaaaaaaaaaaaaaaaa"]`, `[{"op":"add","path":"/v/2","value":"aaaaaaaaaaaaaaaaaaaa"}]`},
		{"emptied", `[1]`, `[]`, `[{"op":"remove","path":"/v/0"}]`},
		{"within elements", `[[1,2,"long enough to be worth it"],[3]]`, `[[1,5,"long enough to be worth it"],[3]]`, `[{"op":"replace","path":"/v/0/1","value":5}]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			ops, ok := delta.Patch([]byte(padded(test.from)), []byte(padded(test.to)), delta.Options{})
			if !ok {
				t.Fatal("no delta")
			}
			if diff := cmp.Diff(test.want, string(ops)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// item returns an element of a list that is large enough for a delta. Each is
// different.
func item(n int) string { return fmt.Sprintf(`"item %d of a list"`, n) }

func list(numbers ...int) string { return elements(item, numbers) }

func elements(element func(int) string, numbers []int) string {
	all := make([]string, len(numbers))
	for i, n := range numbers {
		all[i] = element(n)
	}
	return "[" + strings.Join(all, ",") + "]"
}

// entry returns an element of a list with keys. Its state changes with tick.
func entry(tick int) func(int) string {
	return func(n int) string {
		return fmt.Sprintf(`{"name":"an entry of a list","state":%d,"id":"%d"}`, tick, n)
	}
}

func TestPatchByKey(t *testing.T) {
	before := []int{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for _, test := range []struct {
		name  string
		after []int
		tick  int
		want  []string
	}{
		{"nothing", before, 0, nil},
		{"head", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, []string{`add /v/0`}},
		{"end", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0, []string{`add /v/9`}},
		{"removed", []int{1, 2, 3, 4, 6, 7, 8, 9}, 0, []string{`remove /v/4`}},
		{"two removed, two added", []int{0, 1, 2, 4, 5, 10, 6, 8, 9}, 0, []string{`remove /v/6`, `remove /v/2`, `add /v/0`, `add /v/5`}},
		{"first to the end", []int{2, 3, 4, 5, 6, 7, 8, 9, 1}, 0, []string{`move /v/0 /v/8`}},
		{"last to the head", []int{9, 1, 2, 3, 4, 5, 6, 7, 8}, 0, []string{`move /v/8 /v/0`}},
		{"neighbours exchanged", []int{1, 2, 4, 3, 5, 6, 7, 8, 9}, 0, []string{`move /v/3 /v/2`}},
		{"ends exchanged", []int{9, 2, 3, 4, 5, 6, 7, 8, 1}, 0, []string{`move /v/8 /v/0`, `move /v/1 /v/8`}},
		{"added among those to be moved", []int{4, 0, 5, 6, 7, 8, 9, 1, 2, 3}, 0, []string{`add /v/4`, `move /v/0 /v/9`, `move /v/0 /v/9`, `move /v/0 /v/9`}},
		{"changed behind the head", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, []string{
			`add /v/0`, `replace /v/1/state`, `replace /v/2/state`, `replace /v/3/state`, `replace /v/4/state`, `replace /v/5/state`,
			`replace /v/6/state`, `replace /v/7/state`, `replace /v/8/state`, `replace /v/9/state`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			from, to := padded(elements(entry(0), before)), padded(elements(entry(test.tick), test.after))
			ops, ok := delta.Patch([]byte(from), []byte(to), delta.Options{Key: pointer(t, "/id")})
			if !ok {
				t.Fatal("no delta")
			}
			if diff := cmp.Diff(test.want, summary(t, ops)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got, err := applyPatch(from, string(ops)); err != nil || got != to {
				t.Errorf("gives %v\n%s, want\n%s", err, got, to)
			}
		})
	}
}

// summary returns the name and paths of each operation.
func summary(t *testing.T, ops []byte) (lines []string) {
	for operation := range parse(t, string(ops)).Children() {
		var line []string
		for member := range operation.Children() {
			if string(member.Name()) != "value" {
				line = append(line, string(member.Text()))
			}
		}
		lines = append(lines, strings.Join(line, " "))
	}
	return lines
}

// TestPatchKeys checks which values identify elements.
func TestPatchKeys(t *testing.T) {
	const rest = `,"padding":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"`
	for _, test := range []struct {
		name, key string
		before    [3]string // members of the elements; the last one then comes first
		moved     bool
	}{
		{"numbers", "/id", [3]string{`"id":1`, `"id":2`, `"id":3`}, true},
		{"one number written three ways", "/id", [3]string{`"id":1`, `"id":1.0`, `"id":1e0`}, true},
		{"all kinds", "/id", [3]string{`"id":null`, `"id":"null"`, `"id":true`}, true},
		{"number and string", "/id", [3]string{`"id":1`, `"id":"1"`, `"id":""`}, true},
		{"nested", "/meta/id", [3]string{`"meta":{"id":1}`, `"meta":{"id":2}`, `"meta":{"id":3}`}, true},
		{"empty key", "/", [3]string{`"":1`, `"":2`, `"":3`}, true},
		{"repeated", "/id", [3]string{`"id":1,"x":1`, `"id":1,"x":2`, `"id":3`}, false},
		{"repeated once decoded", "/id", [3]string{`"id":"A","x":1`, `"id":"\u0041","x":2`, `"id":3`}, false},
		{"missing", "/id", [3]string{`"id":1`, `"x":2`, `"id":3`}, false},
		{"no scalar", "/id", [3]string{`"id":1`, `"id":[2]`, `"id":3`}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := test.before
			from := fmt.Sprintf("[{%s%s},{%s%s},{%s%s}]", e[0], rest, e[1], rest, e[2], rest)
			to := fmt.Sprintf("[{%s%s},{%s%s},{%s%s}]", e[2], rest, e[0], rest, e[1], rest)
			ops, ok := delta.Patch([]byte(from), []byte(to), delta.Options{Key: pointer(t, test.key)})
			if !ok {
				t.Fatal("no delta")
			}
			want := []string{"add /0", "remove /3"}
			if test.moved {
				want = []string{"move /2 /0"}
			}
			if diff := cmp.Diff(want, summary(t, ops)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got, err := applyPatch(from, string(ops)); err != nil || !document.Equal(parse(t, got), parse(t, to)) {
				t.Errorf("gives %v, %s", err, got)
			}
		})
	}
}

// TestPatchLongLists expects one operation for one change, wherever it is.
func TestPatchLongLists(t *testing.T) {
	var numbers []int
	for n := range 1000 {
		numbers = append(numbers, n)
	}
	from := elements(entry(0), numbers)
	for _, key := range []string{"", "/id"} {
		for _, at := range []int{0, 1, 500, 999, 1000} {
			after := append(append(append([]int{}, numbers[:at]...), 5000), numbers[at:]...)
			ops, ok := delta.Patch([]byte(from), []byte(elements(entry(0), after)), delta.Options{Key: pointer(t, key)})
			want := fmt.Sprintf(`[{"op":"add","path":"/%d","value":%s}]`, at, entry(0)(5000))
			if !ok || string(ops) != want {
				t.Errorf("key %q, inserted at %d: %v %.300s", key, at, ok, ops)
			}
		}
	}
	// With a key, an insertion is one operation even if all other elements change.
	ops, ok := delta.Patch([]byte(from), []byte(elements(entry(1), append([]int{5000}, numbers...))), delta.Options{Key: pointer(t, "/id")})
	if got := summary(t, ops); !ok || len(got) != 1001 || got[0] != "add /0" || got[1000] != "replace /1000/state" {
		t.Errorf("%v, %d operations", ok, len(got))
	}
}

// TestPatchManyChanges has more changes than the search for a common subsequence
// allows. Elements that stay in place do not count.
func TestPatchManyChanges(t *testing.T) {
	var before, after []string
	for n := range 2000 {
		before = append(before, fmt.Sprintf(`"an element that stays where it is, and is long enough, %d"`, n))
		after = append(after, before[n])
		if n%2 == 0 {
			after[n] = fmt.Sprintf(`%d`, n)
		}
	}
	from, to := "["+strings.Join(before, ",")+"]", "["+strings.Join(after[1:], ",")+"]"
	ops, ok := delta.Patch([]byte(from), []byte(to), delta.Options{})
	if got := summary(t, ops); !ok || len(got) != 1000 || got[0] != "remove /0" {
		t.Errorf("%v, %d operations", ok, len(got))
	}
}

func TestNoPatch(t *testing.T) {
	deep := strings.Repeat("[", document.MaxDepth+1) + strings.Repeat("]", document.MaxDepth+1)
	for _, test := range []struct{ name, from, to string }{
		{"nothing in common", `{"a":1}`, `{"b":2}`},
		{"as large as the document", `[1,2]`, `[1,3]`},
		{"equal, but the document is as short", `1`, `1`},
		{"another kind", `[]`, `{}`},
		{"another scalar", `"` + strings.Repeat("x", 100) + `"`, `"` + strings.Repeat("y", 100) + `"`},
		{"no document before", `{`, padded(`1`)},
		{"no document after", padded(`1`), padded(`1`) + "}"},
		{"not compact", padded(` 1`), padded(`1`)},
		{"nothing before", ``, padded(`1`)},
		{"nothing after", padded(`1`), ``},
		{"too deep", deep, deep},
		{"repeated key before", padded(`{"a":1,"a":2}`), padded(`1`)},
		{"repeated key after", padded(`1`), padded(`{"a":1,"\u0061":2}`)},
		{"repeated key in both", padded(`[{"a":1,"a":2},1]`), padded(`[{"a":1,"a":2},2]`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if ops, ok := delta.Patch([]byte(test.from), []byte(test.to), delta.Options{}); ok || ops != nil {
				t.Errorf("patch %s", ops)
			}
			if doc, ok := delta.Merge([]byte(test.from), []byte(test.to)); ok || doc != nil {
				t.Errorf("merge %s", doc)
			}
		})
	}
}

package delta_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub/delta"
)

func TestMerge(t *testing.T) {
	for _, test := range []struct {
		name, from, to string // of the member "v"
		want           string // empty if there is no merge patch
	}{
		{"nothing", `1`, `1`, `{}`},
		{"order of keys", `{"a":{"c":1,"d":2},"b":2}`, `{"b":2,"a":{"d":2,"c":1}}`, `{}`},
		{"order of keys in arrays", `[{"c":1,"d":2}]`, `[{"d":2,"c":1}]`, `{}`},
		{"number", `1`, `9007199254740993`, `{"v":9007199254740993}`},
		{"negative zero", `0`, `-0.0`, `{"v":-0.0}`},
		{"escapes", `""`, `"\u2028\/👩‍👩‍👧"`, `{"v":"\u2028\/👩‍👩‍👧"}`},
		{"key as written", `{"\u0061":1}`, `{"\u0061":2}`, `{"v":{"\u0061":2}}`},
		{"member added", `{"a":1}`, `{"a":1,"b":{"d":1,"c":2}}`, `{"v":{"b":{"d":1,"c":2}}}`},
		{"member removed", `{"a":1,"b":2}`, `{"b":2}`, `{"v":{"a":null}}`},
		{"removed, added, changed", `{"a":1,"b":2,"c":3}`, `{"b":4,"d":5,"c":3}`, `{"v":{"a":null,"b":4,"d":5}}`},
		{"all removed", `{"a":1}`, `{}`, `{"v":{"a":null}}`},
		{"empty object for a number", `1`, `{}`, `{"v":{}}`},
		{"object for an array", `[1]`, `{"a":1}`, `{"v":{"a":1}}`},
		{"array for an object", `{"a":1}`, `[1]`, `{"v":[1]}`},
		{"array", `[1,{"a":1}]`, `[1,{"a":2}]`, `{"v":[1,{"a":2}]}`},
		{"empty key", `{"":1,"a":2}`, `{"a":2}`, `{"v":{"":null}}`},

		{"null in an array", `[1]`, `[null,{"a":null}]`, `{"v":[null,{"a":null}]}`},
		{"null that stays", `{"a":null,"b":1}`, `{"a":null,"b":2}`, `{"v":{"b":2}}`},
		{"null that goes", `{"a":null,"b":1}`, `{"b":1}`, `{"v":{"a":null}}`},
		{"null that becomes a value", `null`, `1`, `{"v":1}`},
		{"null that becomes an object", `null`, `{"a":1}`, `{"v":{"a":1}}`},
		{"value that becomes null", `1`, `null`, ``},
		{"new member of null", `{}`, `{"a":null}`, ``},
		{"null in a new object", `1`, `{"a":{"b":null}}`, ``},
		{"null in an object for an array", `[1]`, `{"a":null}`, ``},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc, ok := delta.Merge([]byte(padded(test.from)), []byte(padded(test.to)))
			if ok != (test.want != "") {
				t.Fatalf("%v %s", ok, doc)
			}
			if diff := cmp.Diff(test.want, string(doc)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

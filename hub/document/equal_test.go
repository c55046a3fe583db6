package document_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub/document"
)

func TestEqual(t *testing.T) {
	for _, test := range []struct {
		name, a, b string
		want       bool
	}{
		{"same bytes", `{"a":[1]}`, `{"a":[1]}`, true},
		{"order of keys", `{"a":1,"b":[{"c":1,"d":2}]}`, `{"b":[{"d":2,"c":1}],"a":1}`, true},
		{"order of elements", `[1,2]`, `[2,1]`, false},
		{"escaped string", `["A\/"]`, `["\u0041/"]`, true},
		{"escaped key", `{"A":1}`, `{"\u0041":1}`, true},
		{"escaped key in another order", `{"A":1,"b":1}`, `{"b":1,"\u0041":1}`, true},
		{"not normalized", `"é"`, `"e\u0301"`, false},
		{"surrogates alone", `"\ud800"`, `"\ud801"`, false},
		{"surrogate alone and U+FFFD", `"\ud800"`, `"\ufffd"`, false},
		{"surrogate alone, other digits", `"\udabc"`, `"\uDABC"`, true},
		{"number and decimal", `1`, `1.0`, false},
		{"exponents", `1e2`, `1E2`, false},
		{"signs of zero", `0`, `-0`, false},
		{"beyond 2^53", `9007199254740993`, `9007199254740992`, false},
		{"number and string", `1`, `"1"`, false},
		{"null and missing", `{"a":null}`, `{}`, false},
		{"null and false", `null`, `false`, false},
		{"true and false", `true`, `false`, false},
		{"empty object and array", `{}`, `[]`, false},
		{"longer array", `[1,2]`, `[1]`, false},
		{"shorter array", `[1]`, `[1,2]`, false},
		{"more members", `{"a":1,"b":2}`, `{"a":1}`, false},
		{"other keys", `{"a":1,"b":2}`, `{"a":1,"c":2}`, false},
		{"other values behind other order", `{"a":1,"b":2}`, `{"b":1,"a":2}`, false},
		{"repeated key, same bytes", `{"a":1,"a":2}`, `{"a":1,"a":2}`, true},
		{"repeated key, same order", `{"a":1,"a":[{"b":1,"c":2}]}`, `{"a":1,"a":[{"c":2,"b":1}]}`, true},
		{"repeated key, values exchanged", `{"a":1,"a":2}`, `{"a":2,"a":1}`, false},
		{"repeated key, another order", `{"a":1,"b":2,"a":3}`, `{"a":1,"a":3,"b":2}`, false},
		{"repeated key and the last of it", `{"a":1,"a":2}`, `{"a":2}`, false},
		{"repeated on one side", `{"a":1,"a":1}`, `{"a":1,"b":1}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := parse(t, test.a), parse(t, test.b)
			if document.Equal(a, b) != test.want || document.Equal(b, a) != test.want {
				t.Errorf("%s and %s: want %v", test.a, test.b, test.want)
			}
			if !document.Equal(a, a) || !document.Equal(b, parse(t, test.b)) {
				t.Error("a value does not equal itself")
			}
		})
	}
}

func TestEqualIgnores(t *testing.T) {
	for _, test := range []struct {
		name, a, b, ignore string
		want               bool
	}{
		{"another value", `{"a":1,"t":2}`, `{"a":1,"t":3}`, "/t", true},
		{"another value beside", `{"a":1,"t":2}`, `{"a":2,"t":3}`, "/t", false},
		{"another kind", `{"a":1,"t":{"t":2}}`, `{"a":1,"t":[]}`, "/t", true},
		{"nested", `{"m":{"t":2,"a":1}}`, `{"m":{"a":1,"t":3}}`, "/m/t", true},
		{"on one side, last", `{"a":1}`, `{"a":1,"t":3}`, "/t", true},
		{"on one side, first", `{"a":1,"b":2}`, `{"t":3,"b":2,"a":1}`, "/t", true},
		{"its container on one side", `{"a":1}`, `{"a":1,"m":{"t":1}}`, "/m/t", false},
		{"nowhere", `{"a":1}`, `{"a":2}`, "/t", false},
		{"two", `{"a":1,"b":1,"c":1}`, `{"b":2,"c":1}`, "/a /b", true},
		{"one within another", `{"a":{"b":1},"c":1}`, `{"a":{"b":2,"d":3},"c":1}`, "/a/b /a", true},
		{"the same twice", `{"a":1}`, `{"a":2}`, "/a /a", true},
		{"element", `[1,2,3]`, `[1,9,3]`, "/1", true},
		{"element on one side", `[1,2,3]`, `[1,2]`, "/2", true},
		{"element and those behind it", `[1,2,3]`, `[2,3]`, "/0", false},
		{"last element, and another container behind", `{"a":[1],"b":[2]}`, `{"a":[3],"b":[4]}`, "/a/0", false},
		{"neighbours", `{"a":[1],"b":1,"c":2}`, `{"a":[3],"b":9,"c":2}`, "/a/0 /b", true},
		{"empty key", `{"":1}`, `{"":2}`, "/", true},
		{"escaped key", `{"~/":1}`, `{"\u007e\u002f":2}`, "/~0~1", true},
		{"everything", `1`, `{}`, "", true},
		{"repeated key is not ignored", `{"a":1,"a":1}`, `{"a":2,"a":2}`, "/a", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var ignore []document.Pattern
			for text := range strings.SplitSeq(test.ignore, " ") {
				p, err := document.ParsePattern(text)
				if err != nil {
					t.Fatal(err)
				}
				ignore = append(ignore, p)
			}
			a, b := parse(t, test.a), parse(t, test.b)
			if document.Equal(a, b, ignore...) != test.want || document.Equal(b, a, ignore...) != test.want {
				t.Errorf("%s and %s without %q: want %v", test.a, test.b, test.ignore, test.want)
			}
		})
	}
}

// TestEqualDeep would not end if a level were compared twice.
func TestEqualDeep(t *testing.T) {
	nest := func(depth int, format, inner string) document.Value {
		for range depth {
			inner = fmt.Sprintf(format, inner)
		}
		return parse(t, inner)
	}
	a, b := nest(900, `{"a":%s,"b":1,"c":2}`, "1"), nest(900, `{"a":%s,"c":2,"b":1}`, "1")
	if !document.Equal(a, b) {
		t.Error("order of keys counts")
	}
	if document.Equal(nest(450, `[{"a":%s}]`, "1"), nest(450, `[{"a":%s}]`, "2")) {
		t.Error("the innermost value does not count, in the same order")
	}
	if document.Equal(a, nest(900, `{"a":%s,"c":2,"b":1}`, "2")) {
		t.Error("the innermost value does not count")
	}
}

// TestEqualAgrees compares with the values that encoding/json decodes, for documents in
// which each number has one spelling and no key is repeated.
func TestEqualAgrees(t *testing.T) {
	keys := rapid.SampledFrom([]string{`"a"`, `"b"`, `"\u0061"`, `""`, `"c"`})
	scalars := rapid.SampledFrom([]string{`1`, `2`, `"a"`, `"\u0061"`, `null`, `true`, `[]`, `{}`})
	var value func(t *rapid.T, depth int) string
	value = func(t *rapid.T, depth int) string {
		kind := rapid.IntRange(0, 2).Draw(t, "kind")
		if kind == 0 || depth == 0 {
			return scalars.Draw(t, "scalar")
		}
		var parts []string
		used := map[string]bool{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			part := value(t, depth-1)
			if kind == 1 {
				key := keys.Draw(t, "key")
				var name string
				if err := json.Unmarshal([]byte(key), &name); err != nil {
					t.Fatal(err)
				}
				if used[name] {
					continue
				}
				used[name] = true
				part = key + ":" + part
			}
			parts = append(parts, part)
		}
		if kind == 1 {
			return "{" + strings.Join(parts, ",") + "}"
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	rapid.Check(t, func(rt *rapid.T) {
		x, y := value(rt, 3), value(rt, 3)
		var a, b any
		if json.Unmarshal([]byte(x), &a) != nil || json.Unmarshal([]byte(y), &b) != nil {
			rt.Fatal("generator is wrong")
		}
		if got := document.Equal(parse(t, x), parse(t, y)); got != reflect.DeepEqual(a, b) {
			rt.Fatalf("%s and %s: %v", x, y, got)
		}
	})
}

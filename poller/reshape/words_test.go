package reshape_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/reshape"
)

// TestWords checks what operators read about a program that fails: what is wrong and where, in
// the words of jq, and nothing of the document or of a string in the program.
func TestWords(t *testing.T) {
	const document = `{"s":"hunter2","n":7,"a":[1,"hunter2"],"o":{"k":null},"items":null,"list":[{"id":1,"user":"hunter2"}],"t":true,"big":1e400}`
	for program, want := range map[string]string{
		// Paths.
		`.s.x`:                               "cannot index string with a key at .s.x",
		`.s.x?.y, .n.z`:                      "cannot index number with a key at .n.z",
		`.a.x`:                               "cannot index array with a key at .a.x",
		`.n[0]`:                              "cannot index number with a number at .n[0]",
		`.o[0]`:                              "cannot index object with a number at .o[0]",
		`.a["x"]`:                            "cannot index array with a key at .a[\"x\"]",
		`.a[.s]`:                             "cannot index array with a key at .a[…]",
		`[.n[]]`:                             "cannot iterate over number at .n[]",
		`[.items[]]`:                         "cannot iterate over null at .items[]",
		`.items | map(.id)`:                  "cannot iterate over null at .items | map(…)",
		`[.items[] | {id}]`:                  "cannot iterate over null at .items[]",
		`.o | [.k[]]`:                        "cannot iterate over null at .o.k[]",
		`[.list[] | {id, name: .user.name}]`: "cannot index string with a key at .list[].user.name",
		`[.list[].user.name.first]`:          "cannot index string with a key at .list[].user.name",
		`[.a[] | {id}]`:                      "cannot index number with a key at .a[].id",
		`.a | map(.id)`:                      "cannot index number with a key at .a[].id",
		`[.list[] | select(.user.x)]`:        "cannot index string with a key at .list[].user.x",
		`.list | sort_by(.user.x)`:           "cannot index string with a key at .list[].user.x",
		`.a[1:] | .x`:                        "cannot index array with a key at .a[1:].x",
		`.a[.s:]`:                            "cannot index array with string at .a[…:]",
		`.n as $x | $x[]`:                    "cannot iterate over number at $x[]",
		`reduce .a[] as $x (0; . + $x)`:      "cannot add number and string at . + $x",
		`if .t then .n[] else . end`:         "cannot iterate over number at .n[]",
		`"\(.s.x)"`:                          "cannot index string with a key at .s.x",
		`try .s.x catch .y`:                  "cannot index string with a key",
		`def f: .s.x; f`:                     "cannot index string with a key at .s.x",
		`first(.n[])`:                        "cannot iterate over number at .n[]",
		`[limit(1; .n[])]`:                   "cannot iterate over number at .n[]",
		`.["` + strings.Repeat("k", 100) + `"][]`: `cannot iterate over null at .["` + strings.Repeat("k", 77) + "…",
		// Operators.
		`.s + .n`:             "cannot add string and number at .s + .n",
		`.o | .k - "hunter2"`: "cannot subtract null and string at .o | .o.k - …",
		`-.s`:                 "cannot negate string at -.s",
		`.n / 0`:              "cannot divide number by zero at .n / …",
		`.n % 0`:              "cannot divide number by zero at .n % …",
		`.s += 1`:             "cannot add string and number at .s += …",
		`.s |= .x`:            "cannot index string with a key at .s.x",
		`(.n + 1) |= 1`:       "not a path of the document at … |= …",
		// Functions.
		`.n | keys`:                     "keys cannot be applied to number at .n | keys",
		`.s | test(1)`:                  "test cannot be applied to string with number and null at .s | test(…)",
		`.s | tonumber`:                 "tonumber has failed on string at .s | tonumber",
		`.s | fromjson`:                 "fromjson has failed on string at .s | fromjson",
		`[.a] | @csv`:                   "@csv cannot write array into a row at @csv",
		`{(.n | tojson | fromjson): 1}`: "cannot use number as the key of an object at {…}",
		`error(.s)`:                     "it calls error",
		`halt_error`:                    "it calls halt",
		`.a | join(.n)`:                 "cannot index array with a key at .a.n",
		`.s | strptime("%Y")`:           "strptime has failed on string at .s | strptime(…)",
		`.s | ltrimstr(1) | explode | implode | .[0]`: "ltrimstr cannot be applied to string with number at .s | ltrimstr(…)",
	} {
		reshaper, err := reshape.New(program, reshape.Options{})
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		_, err = reshaper.Reshape(context.Background(), []byte(document))
		var classed *poller.Error
		if !errors.As(err, &classed) || classed.Err.Error() != "the program of select failed: "+want {
			t.Errorf("%s: %v, want %s", program, err, want)
		} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "gojq") {
			t.Errorf("%s: %v", program, err)
		}
	}
}

// TestBoundsOfNumbersAndPairs has a program on each side of two bounds that no other
// test reaches: the digits of a number in a calculation, and the parts of two values
// that are compared.
func TestBoundsOfNumbersAndPairs(t *testing.T) {
	for program, want := range map[string]string{
		"reduce range(11) as $i (2; . * .) | 1":  "", // 2^2048
		"reduce range(12) as $i (2; . * .) | 1":  "in the program of select, a number has too many digits to be calculated with",
		"[range(500)] - [range(500)] | length":   "",
		"[range(9000)] - [range(9000)] | length": "in the program of select, two values are too large to be compared part by part",
	} {
		reshaper, err := reshape.New(program, reshape.Options{Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		_, err = reshaper.Reshape(context.Background(), []byte(`1`))
		var got string
		if classed, ok := errors.AsType[*poller.Error](err); ok {
			got = classed.Err.Error()
		}
		if got != want {
			t.Errorf("%s: %v, want %q", program, err, want)
		}
	}
}

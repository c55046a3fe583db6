package reshape_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/reshape"
)

// Any program and any document give one compact document within the limit, or one of
// three failures.
func FuzzReshape(f *testing.F) {
	for _, seed := range [][2]string{
		{"", "0"}, {".", `{"a":[1,1e400,-0.0,"\ud800\u2028"]}`}, {"[.items[] | {id, state}]", `{"items":[{"id":1}]}`},
		{`.a += 1 | .b -= 2 | .c *= 3`, `{"a":1}`}, {`"\(.a)\("x" * 3)"`, `{"a":[]}`}, {`@json "x\(.)" | @base64`, `[1]`},
		{`. as [$a, {b: $c}] ?// $a | $a`, `[1,{"b":2}]`}, {`reduce .[] as $x (0; . + $x)`, `[1,2]`}, {`def f(g; $x): g | $x; f(.; 1)`, `1`},
		{`label $l | foreach .[] as $x (0; $x; if . > 1 then ., break $l else empty end)`, `[1,2,3]`}, {`try error({}) catch .`, `0`},
		{`.[1:] |= map(. * 2) | del(.[0])`, `[1,2,3]`}, {`to_entries | from_entries | walk(.)`, `{"a":{}}`}, {`group_by(.a) | transpose | flatten`, `[[{"a":1}]]`},
		{`[match("(a)|b"; "g")] | tojson | fromjson`, `"abc"`}, {`gsub("(?<x>.)"; .x + .x)`, `"abc"`}, {`setpath(["a", 0, {"start": 1}]; 1)`, `{}`},
		{`[limit(3; repeat(.))] | sort_by(.) | unique | add`, `"x"`}, {`[range(1e9)]`, `0`}, {`"a" * 1e9`, `0`}, {`.[1e9] = 1`, `[]`},
		{`reduce range(99) as $_ (0; [., .]) | tojson`, `0`}, {`def f: [f]; f`, `0`}, {`[nan, infinite, .5, 00]`, `0`}, {`(now | todate), $ENV`, `0`},
		{`fromstream(tostream)`, `{"a":[1]}`}, {`splits("a"; null)`, `"bab"`}, {`INDEX(.id) | [JOIN(.; .[]; .id | tostring)]`, `[{"id":1}]`}, {`halt_error`, `"x"`},
		{`"1e1000" | tonumber | tojson`, `0`}, {`"nan" | tonumber?, implode?`, `[1114112]`}, {`[-1, 55296, 1114111] | implode`, `0`}, {`ltrimstr("a") | ascii_downcase | explode`, `"aB"`},
		{`strptime("%Y") | mktime | strftime("%1000d")`, `"2026"`}, {`@sh "\(.)", @csv`, `[1,"a'b"]`}, {`getpath(["a", "b"]) |= .`, `null`}, {`limit(-1; 1)`, `0`},
		{`.[.a]`, `[1]`}, {`.a?.b?["c"]?`, `1`}, {`{(.a): 1, "b\(1)": 2, $__loc__}`, `{"a":"x"}`}, {`input`, `0`}, {`import "a" as a; 1`, `0`}, {`_add(1; 2)`, `0`},
	} {
		f.Add(seed[0], seed[1])
	}
	opts := reshape.Options{Timeout: 50 * time.Millisecond, MaxBytes: 64 << 10, MaxMemory: 32 << 20}
	f.Fuzz(func(t *testing.T, program, doc string) {
		r, err := reshape.New(program, opts)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "reshape: ") {
				t.Errorf("New: %v", err)
			}
			return
		}
		input, err := document.Compact([]byte(doc))
		if err != nil {
			return
		}
		result, err := r.Reshape(t.Context(), input)
		var failure *poller.Error
		switch {
		case err == nil:
			compact, err := document.Compact(result)
			if err != nil || string(compact) != string(result) || len(result) > opts.MaxBytes {
				t.Errorf("%d bytes: %.200q, %v", len(result), result, err)
			}
		case !errors.As(err, &failure) || result != nil:
			t.Errorf("got %.200q, %v", result, err)
		case failure.Class != "select" && failure.Class != "select_timeout" && failure.Class != "too_large":
			t.Errorf("class of %v", err)
		case strings.Contains(err.Error(), "panicked"):
			t.Errorf("%s of %.200q: %v", program, doc, err)
		}
	})
}

package reshape_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/poller/reshape"
)

// allocated returns the number of bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Attack: one step that would take all memory, endless time, or the stack of the
// process, which the meter between steps cannot prevent. Each is refused before it is
// taken, so it costs almost nothing.
func TestAttacksWithinAStep(t *testing.T) {
	const double = "reduce range(60) as $_ (0; [., .])"
	million := "[" + strings.Repeat("0,", 400_000) + "0]"
	for _, test := range []struct{ name, program, doc string }{
		{"string times number", `.s * .n`, `{"s":"a","n":1e9}`},
		{"number times string", `.n * .s`, `{"s":"a","n":2000000000}`},
		{"in an update", `.s *= .n`, `{"s":"a","n":1e9}`},
		{"string doubled", `reduce range(60) as $_ ("a"; . + .)`, `0`},
		{"string doubled in an update", `{s: "a"} | until(false; .s += .s)`, `0`},
		{"string doubled by interpolation", `reduce range(60) as $_ ("a"; "\(.)\(.)")`, `0`},
		{"string doubled by join", `reduce range(60) as $_ ("a"; [., .] | join(""))`, `0`},
		{"string doubled by add", `reduce range(60) as $_ ("a"; [., .] | add)`, `0`},
		{"string doubled by add(f)", `reduce range(60) as $_ ("a"; add(., .))`, `0`},
		{"string doubled by sub", `reduce range(60) as $_ ("a"; . as $s | "x" | sub("x"; $s + $s))`, `0`},
		{"array doubled", `reduce range(60) as $_ ([0]; . + .)`, `0`},
		{"array doubled by flatten", `reduce range(60) as $_ ([0]; [., .] | flatten)`, `0`},
		{"integer squared", `reduce range(60) as $_ (3; . * .)`, `0`},
		{"integer squared in an update", `[3] | until(false; .[0] *= .[0])`, `0`},
		{"many strings added", `("a" * 10000) as $s | [limit(100000; repeat($s))] | add`, `0`},
		{"joined by a long string", `[range(10000)] | join("a" * 100000)`, `0`},
		{"transposed", `[[range(100000)], (range(100000) | [])] | transpose`, `0`},
		{"index", `.a[.i] = 1`, `{"a":[],"i":66000000}`},
		{"constant index", `.[66000000] = 1`, `[]`},
		{"index behind a minus", `.[-(-66000000)] = 1`, `[]`},
		{"index of setpath", `setpath([.i]; 1) | length`, `{"i":66000000}`},
		{"index of getpath", `getpath(["a", 66000000]) = 1`, `{}`},
		{"index of fromstream", `fromstream([[66000000], 1])`, `0`},
		{"index of a path", `setpath([range(2000) | 0]; 1)`, `0`},
		{"index in reduce", `reduce .[] as $i ([]; .[$i] = 1)`, `[66000000]`},
		{"doubled, as JSON", double + " | tojson", `0`},
		{"doubled, as text", double + " | tostring", `0`},
		{"doubled, in a string", double + ` | "\(.)"`, `0`},
		{"doubled, @json", double + " | @json", `0`},
		{"doubled, @json in a string", double + ` | @json "\(.)"`, `0`},
		{"doubled, format", double + ` | format("json")`, `0`},
		{"doubled, in a key", double + ` | {"\(.)": 1}`, `0`},
		{"doubled, flatten", double + " | flatten", `0`},
		{"doubled, compared", double + " | . == " + double, `0`},
		{"doubled, ordered", "(" + double + ") < (" + double + ")", `0`},
		{"doubled, sorted", "[" + double + ", " + double + "] | sort", `0`},
		{"doubled, unique", "[" + double + ", " + double + "] | unique", `0`},
		{"doubled, sort_by", "[1, 2] | sort_by(" + double + ")", `0`},
		{"doubled, group_by", "[1, 2] | group_by(" + double + ")", `0`},
		{"doubled, min", "[" + double + ", " + double + "] | min", `0`},
		{"doubled, contains", double + " as $x | $x | contains($x)", `0`},
		{"doubled, inside", double + " as $x | $x | inside($x)", `0`},
		{"doubled, index", double + " as $x | $x | index([$x])", `0`},
		{"doubled, bsearch", double + " as $x | [$x] | bsearch($x)", `0`},
		{"doubled, minus", double + " as $x | $x - $x", `0`},
		{"doubled, minus in an update", double + " | . as $x | . -= $x", `0`},
		{"doubled, IN", double + " | IN(" + double + ")", `0`},
		{"doubled, INDEX", "INDEX(1; " + double + ")", `0`},
		{"doubled, result", double, `0`},
		{"doubled objects, merged", "reduce range(60) as $_ ({}; {a: ., b: .}) | . * .", `0`},
		{"doubled objects, result", "reduce range(60) as $_ ({}; {a: ., b: .})", `0`},
		{"deep, as JSON", "reduce range(2000) as $_ (0; [.]) | tojson", `0`},
		{"deep, compared", "reduce range(2000) as $_ (0; [.]) | . == [[1]]", `0`},
		{"deep, result", "reduce range(2000) as $_ (0; [.])", `0`},
		{"all minus all", ". - map(. + 1)", million},
		{"all contains all", "map(. + 1) as $x | contains($x)", million},
		{"indices of halves", `.s as $s | ($s[:200000]) as $h | $s | indices($h)`, `{"s":"` + strings.Repeat("a", 400_000) + `"}`},
		{"a match a character", `[match(""; "g")] | length`, `"` + strings.Repeat("a", 400_000) + `"`},
		{"a match a character, by an array", `[match(["", "g"])] | length`, `"` + strings.Repeat("a", 400_000) + `"`},
		{"a match for every character", `gsub("a"; "b")`, `"` + strings.Repeat("a", 400_000) + `"`},
		{"a long number, calculated", `. + 1`, strings.Repeat("7", 400_000)},
		{"a long number, compared", `. < 1`, strings.Repeat("7", 400_000)},
		{"a long number, sorted", `sort`, "[1," + strings.Repeat("7", 400_000) + "]"},
		{"a long number, read", `tonumber + 1`, `"` + strings.Repeat("7", 400_000) + `"`},
		{"a long number, decoded", `fromjson + 1`, `"` + strings.Repeat("7", 400_000) + `"`},
		{"a long number, index", `.[0][.[1]]`, "[[]," + strings.Repeat("7", 400_000) + "]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var err error
			total := allocated(func() { _, err = run(t, test.program, test.doc, reshape.Options{Timeout: time.Minute}) })
			expect(t, err, "too_large")
			if total > 400<<20 {
				t.Errorf("allocated %d MiB", total>>20)
			}
		})
	}
}

// Attack: memory by many small steps. The meter ends the run long before the time is
// over, on any machine.
func TestAttacksByMemory(t *testing.T) {
	for name, program := range map[string]string{
		"array":             "[range(1e12)] | length",
		"array of arrays":   "[repeat([1, 2, 3])] | length",
		"array of strings":  `[range(1e12) | "a" * 1000] | length`,
		"array of objects":  `[range(1e12) | {a: .}] | length`,
		"variables":         `def f: . as $x | [f, $x]; f`,
		"recursion":         "def f: 1 + f; f",
		"recursion by args": "def f(g): f(g | g); f(.)",
		"paths":             "[range(1e12)] | path(..)",
		"limit of repeat":   "[limit(1e12; repeat(1))]",
		"recurse":           "[recurse([.])] | length",
		"combinations":      "[combinations(1e9)]",
		"gathered by add":   "add(range(1e12))",
		"gathered by sort":  "[range(1e12)] | sort_by(.)",
		"a deep value":      "last(recurse([.]))",
		"until":             "[0] | until(false; . + [.])",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, program, "[[1,2,3,4],[1,2,3,4]]", reshape.Options{Timeout: time.Minute, MaxMemory: 8 << 20})
			expect(t, err, "too_large")
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			if peak := stats.HeapAlloc; peak > 400<<20 {
				t.Errorf("the heap has %d MiB", peak>>20)
			}
			runtime.GC()
		})
	}
}

// Attack: endless time without memory.
func TestAttacksByTime(t *testing.T) {
	for name, program := range map[string]string{
		"last":      "last(repeat(1))",
		"until":     "until(false; .)",
		"tail":      "def f: f; f",
		"first":     "first(range(1e18) | select(. < 0))",
		"nested":    "last(range(1e9) as $a | range(1e9) as $b | $a)",
		"foreach":   "last(foreach range(1e18) as $x (0; . + $x))",
		"caught":    `def f: try error("x") catch f; f`,
		"isempty":   "isempty(repeat(empty))",
		"behind":    "1, last(repeat(1))",
		"while":     "last(while(true; .))",
		"skip":      "[skip(1e18; repeat(1))]",
		"limit":     "last(limit(1e18; repeat(1)))",
		"any":       "any(repeat(false); .)",
		"error":     "last(repeat(try error catch .))",
		"reduce":    "reduce repeat(1) as $x (0; 1)",
		"recursing": "last(recurse(.))",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, program, `"hunter2"`, reshape.Options{Timeout: 20 * time.Millisecond, MaxMemory: 1 << 30})
			expect(t, err, "select_timeout")
		})
	}
}

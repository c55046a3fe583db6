package reshape

import (
	"context"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/itchyny/gojq"
)

// all runs code to its end and returns the results, the last of which may be an error.
func all(t *testing.T, program string, guarded bool, doc string) []string {
	t.Helper()
	query, err := gojq.Parse(program)
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	var options []gojq.CompilerOption
	if guarded {
		if err := addGuards(query); err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		options = guards{maxWeight: 1 << 20}.options()
	}
	code, err := gojq.Compile(query, options...)
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	value, err := decode([]byte(doc), words{})
	if err != nil {
		t.Fatal(err)
	}
	var results []string
	for iter := code.Run(value); ; {
		v, ok := iter.Next()
		if !ok || len(results) > 100 {
			return results
		}
		if err, failed := v.(error); failed {
			return append(results, "error: "+err.Error())
		}
		text, err := encode(v, 1<<20, words{})
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, string(text))
	}
}

// Guards do not change the results, their order, or the errors of a program within the
// limits.
func TestGuardsChangeNothing(t *testing.T) {
	docs := []string{
		`null`, `5`, `"a1b2"`, `[3,1,2,1]`, `[[1,2],[3]]`, `{"a":{"b":[1,2,{"c":"x"}]},"n":9007199254740993,"s":"text","t":"2015-03-05T23:51:47Z"}`,
		`[{"id":1,"k":"x","v":[1]},{"id":2,"k":"y","v":[]},{"id":1,"k":"z"}]`,
	}
	programs := strings.SplitSeq(strings.TrimSpace(`
.
..
[..]
.a.b[0]
.a?.b?
.[0]?
.[-1]?
.[1:]?
.[:-1]?
.[1:3] = ["x"]
.["a","n"]?
.a["b"]?
.[("a","s")]?
."a"?
."a\(1)"?
.. | numbers
[(1,2) + (10,20)]
[(1,2) - (10,20)]
[(1,2) * (10,20)]
[(1,2) / (10,20)]
[(7,8) % (3,5)]
[(1,2) == (1,2)]
[(1,2) < (2,1), (1,2) >= (2,1)]
1 as $x | 2 as $y | [$x,$y,$__loc__]
. + .
. - .
. * .
. / .
. % 3
-.
- 1 - 2 - 3
1 + 2 * 3 - 4 / 2
. == .
. < 4
. > "a"
. as [$a, $b] | {a: $a, b: $b}
. as {a: {b: [$x]}} | $x
. as {"a": $x, s: $y, ("n","s"): $z} | [$x, $y, $z]
. as {"\("a")": $x} | $x
.[]? as [$a] ?// $a | [$a]
[.[]? as [$a] ?// {id: $a} | $a]
if . == null then 1 elif . == 5 then 2 else 3 end
try error("x") catch .
try error({a: 1}) catch .a
(1, error("x"), 2)?
[.[]?]
[.[]? | try tonumber catch "no"]
reduce .[]? as $x (0; . + 1)
reduce (.[]? | numbers) as $x (0; . + $x)
reduce range(5) as $i ([]; . + [$i * 2])
[foreach range(5) as $i (0; . + $i; [$i, .])]
[foreach range(5) as $i (0; . + $i)]
label $out | foreach range(10) as $i (0; . + $i; if . > 10 then ., break $out else . end)
def f: . + 1; 1 | f | f
def f(g): [g, g]; f(1, 2)
def f($a; $b): $a + $b; f(1, 2; 10, 20)
def fac: if . < 2 then 1 else . * (. - 1 | fac) end; 25 | fac
def map(f): "mine"; map(1)
def r: if . < 100 then . + 1 | r end; 0 | r
"x\(1 + 2)y\("in\("ner")")z"
"\(.)"
"\(1, 2)-\(3, 4)"
@json
@text "v: \(.)"
@json "v: \(.) \("q")"
@html "<\("<&>")>"
@uri "?q=\("a b/c")"
@csv
@tsv
@sh "echo \("it's")"
@base64 "\("x")"
@base64
@base64d
{a: 1, "b": 2, "c\(1)": 3, ("d", "e"): 4}
{s}
{"s"}
. as $v | {$v}
{a: (1, 2)}
{(.s? // "k"): 1}
[.[]? | {id}?]
path(..)
[paths]
[paths(type == "number")]
path(.a | .b? | .[0]?)
path(.a["b"]?)
[path(.[]? | select(. == 1))]
path(.[1 - 1]?)
path(.a | getpath(["b"])?)
path(first(.a?, .s?))
path(.[0:1]?)
path(if . == 5 then . else . end)
path(1)
path(. + 1)
path(. as $x | $x)
path(getpath(["a", "b"])?)
getpath(["a", "b", 0])?
[getpath(["a"], ["s"])?]
setpath(["a", "z"]; 1)?
setpath([0]; "x")?
del(.[0]?)
del(.a?, .s?)
delpaths([["a"], ["s"]])?
pick(.a?)
to_entries?
with_entries(.value |= tostring)?
from_entries?
.a? = 1
.a?.b? |= map(1)
.a += 1
.[0] += 1
.[0] -= 1
.[0] *= 2
.[0] /= 2
.[0] %= 2
.a //= 3
.zz //= 3
.zz += (1, 2)
.[]? += 1
.[]? |= empty
(.[]? | select(. == 1)) |= . + 10
.a.b[2].c? += "y"
.n += 1
.. |= .
.[2:4]? = []
.[length]? = 1
. // "default"
(.zz? // .s?) // 1
. and true, (. or false), not
[limit(3; repeat(1))]
[first(range(5)), last(range(5)), nth(2; range(5))]
[range(0; 10; 3)], [range(5; 0; -2)]
[until(. == null or . == 5; null)]
[while(false; .)], [recurse(if type == "number" and . < 8 then . + 1 else empty end)]
[recurse]
walk(if type == "number" then . + 1 end)
map(. + 1)?
map_values(. + 1)?
map_values(empty)?
map(select(.id? == 1))?
add?
add(.[]? | numbers)
add(1, 2, 3), add(empty)
any, all
any(. == 1)?, all(. == 1)?
flatten?
flatten(1)?
[.[]?] | length
keys?
keys_unsorted?
length?
has("a")?, has(0)?
in({"a": 1})?
contains("a")?
contains([1])?
contains({a: {b: [1]}})?
inside([3, 1, 2, 1, 0])?
index("b")?, rindex("b")?, indices("b")?
indices(1)?, indices([1, 2])?, index(1)?
startswith("a")?, endswith("2")?, ltrimstr("a"), rtrimstr("2")
split("b")?, (split("[a-b]"; null))?
join("-")?
ascii_downcase?, ascii_upcase?
explode?, (explode | implode)?
tojson, (tojson | fromjson)
tostring, (tostring | tonumber)?
type
sort?, sort_by(.id)?, sort_by(.id, .k)?, group_by(.id)?, unique?, unique_by(.id)?, min?, max?, min_by(.id)?, max_by(.id)?
reverse?
transpose?
combinations?
[limit(9; [1, 2] | combinations(2))]
bsearch(1)?
tostream
[tostream]
fromstream(tostream)
fromstream(1 | truncate_stream([[0], 1], [[1, 0], 2], [[1, 0]], [[1]]))
[splits("[0-9]")?]
test("[a-z]\\d")?, test("A"; "i")?, test(["A", "i"])?
[match("[0-9]"; "g")?]
[scan("[a-z]")?], [scan("([a-z])(\\d)")?]
capture("(?<l>[a-z])(?<d>\\d)")?
sub("[0-9]"; "#")?, gsub("(?<d>[0-9])"; "<\(.d)>")?, gsub("[0-9]"; "x", "y")?
INDEX(.id?)?, INDEX(.[]?; .id?)?
[JOIN({"1": "one"}; .id? | tostring)]?
IN(1, 5, "a1b2"), IN(.[]?; 1, 2)
.t? | strptime("%Y-%m-%dT%H:%M:%SZ")? | mktime
(1425599507 | todate, gmtime, strftime("%A"))
floor?, sqrt?, pow(2; 10), log?, fabs?, ([1.5, 2.5] | map(round))
infinite, -infinite, nan | isinfinite, isnan
ascii?, @text, ltrim?, trim?
limit(0; 1), skip(1; 1, 2), isempty(empty), isempty(.[]?)
error?
error
error("x")
getpath([0, "x"])
.a.x.y.z
{} | .a.b[2] = 1
[[1, 2], [3, 4]] | .[][0] += 1
{"a": [1, 2]} | .a[1:] = [5, 6, 7]
$ENV | type
splits("x")
toboolean?
have_literal_numbers?
abs?, toarray?
getpath(["a","b"]) as [$x] | $x
ltrimstr(1), tojson, ascii(65)?
limit(3; .[]?)
`), "\n")
	for program := range programs {
		if _, err := gojq.Parse(program); err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		if query, _ := gojq.Parse(program); func() bool { _, err := gojq.Compile(query); return err != nil }() {
			continue // a function that this version of gojq does not have
		}
		for _, doc := range docs {
			want, got := all(t, program, false, doc), all(t, program, true, doc)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s of %s (-plain +guarded)\n%s", program, doc, diff)
			}
		}
	}
}

// Each guard at its limit and beyond.
func TestWeigh(t *testing.T) {
	shared := any([]any{1})
	for range 60 {
		shared = []any{shared, shared}
	}
	nest := func(levels int) any {
		v := any([]any{})
		for range levels {
			v = []any{v}
		}
		return v
	}
	for _, test := range []struct {
		name   string
		value  any
		weight int
		err    error
	}{
		{"null", nil, 1, nil},
		{"number", 12, 1, nil},
		{"written number", json.Number("123"), 4, nil},
		{"string", "abc", 4, nil},
		{"array", []any{1, []any{}}, 3, nil},
		{"object", map[string]any{"ab": nil, "": "x"}, 8, nil},
		{"at the limit", strings.Repeat("x", 99), 100, nil},
		{"over the limit", strings.Repeat("x", 100), 0, errWeight},
		{"many", make([]any, 100), 0, errWeight},
		{"shared", shared, 0, errWeight},
		{"deep", nest(1000), 0, errWeight},
	} {
		got, err := weigh(test.value, 100)
		if err != test.err || err == nil && got != test.weight {
			t.Errorf("%s: %d, %v, want %d, %v", test.name, got, err, test.weight, test.err)
		}
	}
	if _, err := weigh(nest(1000), 10000); err != nil {
		t.Errorf("1000 levels below the top: %v", err)
	}
	if _, err := weigh(nest(1001), 10000); err != errDepth {
		t.Errorf("1001: %v", err)
	}
	if _, err := weigh(json.Number(strings.Repeat("1", 1000)), 10000); err != nil {
		t.Errorf("1000 digits: %v", err)
	}
	if _, err := weigh(json.Number(strings.Repeat("1", 1001)), 10000); err != errNumber {
		t.Errorf("1001 digits: %v", err)
	}
	for bits, want := range map[uint]error{4000: nil, 4001: errNumber} {
		if _, err := weigh(new(big.Int).Lsh(big.NewInt(1), bits-1), 10000); err != want {
			t.Errorf("%d bits: %v, want %v", bits, err, want)
		}
	}
	all := guards{maxWeight: 1 << 20}
	for length, want := range map[int]error{8191: nil, 8192: errPairs} { // plus one for the array itself
		if err := all.pairs(make([]any, length), make([]any, 8191)); err != want {
			t.Errorf("each of %d with each of 8191: %v, want %v", length, err, want)
		}
	}
}

// A run checks often enough whether it has to end.
func TestMeterChecksOftenEnough(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := newMeter(ctx, DefaultMaxMemory)
	m.Done()
	cancel()
	for range 1024 {
		m.Done()
	}
	if m.Err() == nil {
		t.Error("1024 steps after its end the run goes on")
	}
}

func TestDefaults(t *testing.T) {
	got, err := Options{}.withDefaults()
	if want := (Options{time.Second, 1 << 20, 256 << 20}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

package reshape_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/reshape"
)

func run(t testing.TB, program, doc string, opts reshape.Options) (string, error) {
	t.Helper()
	r, err := reshape.New(program, opts)
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	result, err := r.Reshape(t.Context(), []byte(doc))
	return string(result), err
}

// expect checks for a failure of the class that quotes nothing of the documents, each
// of which contains "hunter2".
func expect(t testing.TB, err error, class string) {
	t.Helper()
	var failure *poller.Error
	if !errors.As(err, &failure) || failure.Class != class {
		t.Errorf("got %v, want one of the class %s", err, class)
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error quotes the document: %v", err)
	}
}

func TestReshape(t *testing.T) {
	for _, test := range []struct{ name, program, doc, want string }{
		{"empty program", "", ` { "b" : 1 , "a" : [ ] } `, `{"a":[],"b":1}`},
		{"identity", ".", "null", "null"},
		{"definition alone", "def f: 1;", "1", "1"},
		{"variable of no interest", "reduce range(3) as $_ (.; . + 1)", "1", "4"},
		{"comment alone", "# nothing", "1", "1"},
		{"the issue's", "[.items[] | {id, state}]", `{"items":[{"id":1,"state":"ok","x":0},{"id":2,"x":0}]}`, `[{"id":1,"state":"ok"},{"id":2,"state":null}]`},
		{"missing", ".a.b.c", "{}", "null"},
		{"keys are sorted", ".", `{"z":1,"a":2,"Z":3,"é":4,"":5}`, `{"":5,"Z":3,"a":2,"z":1,"é":4}`},
		{"of repeated keys the last", ".", `{"a":1,"a":2}`, `{"a":2}`},
		{"numbers as written", "[.[] | .]", `[9007199254740993,1e400,-0.0,-0,1.0e0,1E+05,0.10,12345678901234567890.10]`, `[9007199254740993,1e400,-0.0,-0,1.0e0,1E+05,0.10,12345678901234567890.10]`},
		{"numbers in new places", `{n: .a[0], m: [.a[1]]}`, `{"a":[1e400,-0.0]}`, `{"m":[-0.0],"n":1e400}`},
		{"a thousand digits", ".", strings.Repeat("7", 5000), strings.Repeat("7", 5000)},
		{"large integers", "[. + 1, . * ., -.]", "9007199254740993", "[9007199254740994,81129638414606699710187514626049,-9007199254740993]"},
		{"calculated", "[.[] * 1]", "[1e400,-0.0,1.0e0,0.10]", "[1.7976931348623157e+308,-0,1,0.1]"},
		{"none in JSON", "[nan, infinite, -infinite, .5, 007]", "0", "[null,1.7976931348623157e+308,-1.7976931348623157e+308,0.5,7]"},
		{"strings", ".", `"\u2028\u00e9\/\"\\\b\f\n\r\t\u0001<&>\u007f\ud83d\ude00"`, "\"\u2028é/\\\"\\\\\\u0008\\u000c\\n\\r\\t\\u0001<&>\u007f😀\""},
		{"emoji", `"\(.) 👩‍👩‍👧"`, "\"👩‍👩‍👧\u2028\"", "\"👩‍👩‍👧\u2028 👩‍👩‍👧\""},
		{"half a pair", ".", `"\ud800x"`, "\"\ufffdx\""},
		{"no environment", "[$ENV, env]", "0", "[{},{}]"},
		{"a limit that is caught", `try ("a" * 1e9) catch "caught"`, "0", `"caught"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := run(t, test.program, test.doc, reshape.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A failure is described without the document.
func TestReshapeFails(t *testing.T) {
	const doc = `{"items":["hunter2","hunter2"],"hunter2":{"n":1}}`
	for _, test := range []struct{ name, program, doc, class, text string }{
		{"no result", ".items[] | select(. == 1)", doc, "select", "the program of select returned no result, want one"},
		{"empty", "empty", doc, "select", "the program of select returned no result, want one"},
		{"two results", ".items[]", doc, "select", "the program of select returned more than one result, want one; brackets around it make an array"},
		{"many results", "range(1e18)", doc, "select", "the program of select returned more than one result, want one; brackets around it make an array"},
		{"an error behind the result", "1, error", doc, "select", "the program of select failed: it calls error"},
		{"an error", "error(.)", doc, "select", "the program of select failed: it calls error"},
		{"an error of null", "error(null)", doc, "select", ""},
		{"halt", "halt", doc, "select", "the program of select failed: it calls halt"},
		{"halt with the document", "halt_error", doc, "select", "the program of select failed: it calls halt"},
		{"break", "label $x | break $x", doc, "select", "the program of select returned no result, want one"},
		{"string as object", ".items[0].x", doc, "select", "the program of select failed: cannot index string with a key at .items[0].x"},
		{"sum of a string and an object", ".items[0] + .", doc, "select", "the program of select failed: cannot add string and object at .items[0] + ."},
		{"key of no string", "{(.hunter2): 1}", doc, "select", "the program of select failed: cannot use object as the key of an object at {…}"},
		{"bad regular expression", `.items[0] | test("(" + .)`, doc, "select", ""},
		{"no path", "path(1 | .a)", doc, "select", ""},
		{"division by zero", ".items | 1 / 0", doc, "select", "the program of select failed: cannot divide number by zero at .items | … / …"},
		{"deep", ".", strings.Repeat("[", 1001), "select", ""},
		{"large result", `.items[0] * 200`, doc, "too_large", "the result of select has more than 1000 bytes"},
		{"large result of many", `[range(400)]`, doc, "too_large", "the result of select has more than 1000 bytes"},
		{"many members", `[range(1000) | {key: tostring, value: 1}] | from_entries`, doc, "too_large", ""},
		{"large number", ".", strings.Repeat("7", 1001), "too_large", "the result of select has more than 1000 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := run(t, test.program, test.doc, reshape.Options{MaxBytes: 1000})
			expect(t, err, test.class)
			if got != "" {
				t.Errorf("a result: %s", got)
			}
			if err != nil && test.text != "" && err.Error() != "poller: "+test.class+": "+test.text {
				t.Errorf("text %q, want %q", err, test.text)
			}
		})
	}
}

// A result of exactly the limit passes.
func TestMaxBytes(t *testing.T) {
	for _, program := range []string{`"x" * 8`, "[1,2,3,4,5][:4] + [1.5][1:] | . + [] | .[0] = 10", `{"abc": 12}`, "1234567890"} {
		if _, err := run(t, program, "0", reshape.Options{MaxBytes: 10}); err != nil {
			t.Errorf("%s: %v", program, err)
		}
		_, err := run(t, program, "0", reshape.Options{MaxBytes: 9})
		expect(t, err, "too_large")
	}
}

// A program that cannot run is refused at once, with the place of the mistake.
func TestNewRefuses(t *testing.T) {
	for _, test := range []struct{ program, want string }{
		{".a |", "reshape: the program is wrong at byte 4: unexpected EOF"},
		{".a } .b", `reshape: the program is wrong at byte 4: unexpected token "}"`},
		{"nothing", "reshape: the program is wrong: function not defined: nothing/0"},
		{"$x", "reshape: the program is wrong: variable not defined: $x"},
		{"input", "reshape: the program is wrong: input(s)/0 is not allowed"},
		{"[inputs]", "reshape: the program is wrong: input(s)/0 is not allowed"},
		{"debug", "reshape: the program is wrong: function not defined: debug/0"},
		{"stderr", "reshape: the program is wrong: function not defined: stderr/0"},
		{"input_filename", "reshape: the program is wrong: function not defined: input_filename/0"},
		{`import "x" as x; .`, "reshape: the program imports a module, want all of it in one text"},
		{`include "x"; .`, "reshape: the program imports a module, want all of it in one text"},
		{`import "x" as $x; .`, "reshape: the program imports a module, want all of it in one text"},
		{`_multiply("a"; 1e9)`, `reshape: the program uses the name "_multiply", want one that does not begin with '_'`},
		{"def _f: 1; 1", `reshape: the program uses the name "_f", want one that does not begin with '_'`},
		{"def f(_g): 1; 1", `reshape: the program uses the name "_g", want one that does not begin with '_'`},
		{". as $_pollux_x | 1", `reshape: the program uses the name "$_pollux_x", want one that does not begin with '$_pollux'`},
		{". as {$_pollux_x} | 1", `reshape: the program uses the name "$_pollux_x", want one that does not begin with '$_pollux'`},
		{". as [{a: [$_pollux_x]}] | 1", `reshape: the program uses the name "$_pollux_x", want one that does not begin with '$_pollux'`},
		{"reduce . as $_pollux_x (1; 2)", `reshape: the program uses the name "$_pollux_x", want one that does not begin with '$_pollux'`},
		{". + 1 | $_pollux_r", `reshape: the program uses the name "$_pollux_r", want one that does not begin with '$_pollux'`},
		{"{$_pollux_r} + 1", `reshape: the program uses the name "$_pollux_r", want one that does not begin with '$_pollux'`},
		{strings.Repeat(" ", 8193), "reshape: the program has 8193 bytes, want at most 8192"},
	} {
		_, err := reshape.New(test.program, reshape.Options{})
		if err == nil {
			t.Errorf("%.80s: no error", test.program)
			continue
		}
		if diff := cmp.Diff(test.want, err.Error()); diff != "" {
			t.Errorf("%.80s (-want +got)\n%s", test.program, diff)
		}
	}
	_, err := reshape.New(".", reshape.Options{Timeout: time.Hour, MaxBytes: -1, MaxMemory: 2 << 30})
	if want := strings.Join([]string{
		"reshape: Timeout is 1h0m0s, want more than 0 and at most 1m0s, or 0 for 1s",
		"reshape: MaxBytes is -1, want 1 to 1073741824, or 0 for 1048576",
		"reshape: MaxMemory is 2147483648, want 1 to 1073741824, or 0 for 268435456",
	}, "\n"); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// A program of many levels is compiled, or refused. It does not end the process.
func TestNewWithDeepPrograms(t *testing.T) {
	fill := func(before, middle, after string) string {
		n := (8192 - len(middle)) / (len(before) + len(after))
		return strings.Repeat(before, n) + middle + strings.Repeat(after, n)
	}
	for _, program := range []string{
		fill("[", "", "]"), fill("(", "1", ")"), fill("-", "1", ""), fill(".a|", ".", ""), fill("1+", "1", ""), fill("1-", "1", ""), fill("1*", "1", ""),
		fill(`"\(`, "1", `)"`), fill(".[", "0", "]"), fill("if . then ", "1", " end"), fill("try ", "1", ""), fill(".[0]", "", ""),
		fill(".a+=", "1", ""), fill("add(", "1", ")"), fill("sort_by(", "1", ")"), fill("def f:", "1", ";1"), fill(". as $x|", "1", ""), fill("{a:", "1", "}"),
		fill("1==", "1", ""), fill("reduce ", "1", " as $x(1;2)"),
	} {
		if r, err := reshape.New(program, reshape.Options{}); err == nil {
			if _, err = r.Reshape(t.Context(), []byte(`0`)); err != nil && !errors.As(err, new(*poller.Error)) {
				t.Errorf("%.10s: %v", program, err)
			}
		}
	}
}

// A Reshaper is safe for concurrent use, and its runs are independent.
func TestConcurrentUse(t *testing.T) {
	r, err := reshape.New(`.n += 1 | .l += [.n] | .s = "\(.n)" * 3`, reshape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				got, err := r.Reshape(context.Background(), []byte(`{"n":1,"l":[0]}`))
				if err != nil || string(got) != `{"l":[0,2],"n":2,"s":"222"}` {
					t.Errorf("%s, %v", got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// The document is not changed.
func TestDocumentIsLeftAlone(t *testing.T) {
	r, err := reshape.New(".a = 2 | del(.b)", reshape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	doc := []byte(` {"a":1,"b":2} `)
	if _, err := r.Reshape(t.Context(), doc); err != nil || string(doc) != ` {"a":1,"b":2} ` {
		t.Errorf("%s, %v", doc, err)
	}
}

// The end of the caller's context ends a run.
func TestContext(t *testing.T) {
	r, err := reshape.New("last(repeat(1))", reshape.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err = r.Reshape(ctx, []byte(`"hunter2"`))
	expect(t, err, "select_timeout")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

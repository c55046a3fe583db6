package document_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub/document"
)

func parse(t testing.TB, text string) document.Value {
	t.Helper()
	v, err := document.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// outline writes a line for each value: depth, key, kind, number of children, text.
func outline(b *strings.Builder, v document.Value, depth int) {
	fmt.Fprintf(b, "%d %s %v %d %s\n", depth, v.Key(), v.Kind(), v.Len(), v.Raw())
	for child := range v.Children() {
		outline(b, child, depth+1)
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     []string
	}{
		{"scalar", `-0.0`, []string{`0  number 0 -0.0`}},
		{"empty object", `{}`, []string{`0  object 0 {}`}},
		{"empty array", `[]`, []string{`0  array 0 []`}},
		{"all kinds", `[{},[],"","a",0,1e400,true,false,null]`, []string{
			`0  array 9 [{},[],"","a",0,1e400,true,false,null]`,
			`1  object 0 {}`, `1  array 0 []`, `1  string 0 ""`, `1  string 0 "a"`, `1  number 0 0`,
			`1  number 0 1e400`, `1  true 0 true`, `1  false 0 false`, `1  null 0 null`,
		}},
		{"keys, in order and repeated", `{"z":1,"":{"a\"":[2]},"z":3}`, []string{
			`0  object 3 {"z":1,"":{"a\"":[2]},"z":3}`,
			`1 "z" number 0 1`, `1 "" object 1 {"a\"":[2]}`, `2 "a\"" array 1 [2]`, `3  number 0 2`, `1 "z" number 0 3`,
		}},
		{"punctuation in strings", `{",:{}[]":",:{}[]\\"}`, []string{
			`0  object 1 {",:{}[]":",:{}[]\\"}`, `1 ",:{}[]" string 0 ",:{}[]\\"`,
		}},
		{"siblings behind a container", `[[[1],2],{"a":{}},3]`, []string{
			`0  array 3 [[[1],2],{"a":{}},3]`, `1  array 2 [[1],2]`, `2  array 1 [1]`, `3  number 0 1`, `2  number 0 2`,
			`1  object 1 {"a":{}}`, `2 "a" object 0 {}`, `1  number 0 3`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got strings.Builder
			outline(&got, parse(t, test.in), 0)
			if diff := cmp.Diff(test.want, strings.Split(strings.TrimSuffix(got.String(), "\n"), "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     error
		text     string
	}{
		{"nothing", "", document.ErrEmpty, "document: empty: at byte 0"},
		{"white space", `{"a": 1}`, document.ErrSpace, "document: not compact: at byte 5, want no white space"},
		{"white space in front", " 1", document.ErrSpace, ""},
		{"white space behind", "1\n", document.ErrSpace, ""},
		{"byte order mark", "\uFEFF1", document.ErrSyntax, ""},
		{"end", `{"a":[1`, document.ErrTruncated, "document: ends too early: at byte 7, want ',' or ']'"},
		{"two documents", `{}{}`, document.ErrTrailing, ""},
		{"wrong bracket", `[1}`, document.ErrSyntax, ""},
		{"brackets too many", `[]]`, document.ErrTrailing, ""},
		{"Latin-1", "\"\xe9\"", document.ErrUTF8, ""},
		{"too deep", strings.Repeat("[", document.MaxDepth+1), document.ErrDepth, ""},
		{"too large", strings.Repeat("1", document.MaxTree+1), document.ErrSize, "document: larger than 67108864 bytes: at byte 67108864"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := document.Parse([]byte(test.in))
			var refusal *document.Error
			if !errors.As(err, &refusal) || !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if test.text != "" && err.Error() != test.text {
				t.Errorf("text %q, want %q", err, test.text)
			}
		})
	}
}

// TestParseMemory measures the allocations for the documents with the most values for
// each byte, and for one that only looks like that.
func TestParseMemory(t *testing.T) {
	const size = 1 << 20
	for _, test := range []struct {
		name string
		data string
		most uint64 // bytes allocated
	}{
		{"numbers", "[0" + strings.Repeat(",0", size/2-2) + "]", 11 << 20},
		{"empty arrays", "[[]" + strings.Repeat(",[]", size/3-2) + "]", 8 << 20},
		{"empty keys", "[" + strings.Repeat(`{"":0},`, size/7-2) + "0]", 7 << 20},
		{"one string", `"` + strings.Repeat(`,[{`, size/3) + `"`, 64 << 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := []byte(test.data)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := document.Parse(data); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > test.most {
				t.Errorf("%d bytes allocated for %d, want at most %d", got, len(data), test.most)
			}
		})
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{`""`, ""},
		{`"plain"`, "plain"},
		{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		{`"\u0041\u00e9\u2028\uFFFD\u0000"`, "A\u00e9\u2028\uFFFD\x00"},
		{`"a\ud83d\ude00b"`, "a\U0001F600b"},
		{`"\uDBFF\uDFFF"`, "\U0010FFFF"},
		{`"\ud83d"`, "\xed\xa0\xbd"},
		{`"\ude00\ud83d"`, "\xed\xb8\x80\xed\xa0\xbd"},
		{`"\ud83dx\ude00"`, "\xed\xa0\xbdx\xed\xb8\x80"},
		{`"\ud83d\ud83d\ude00"`, "\xed\xa0\xbd\U0001F600"},
		{`"\ud83d\n"`, "\xed\xa0\xbd\n"},
		{`"\\ud83d"`, `\ud83d`},
	} {
		if got := string(parse(t, test.in).Text()); got != test.want {
			t.Errorf("%s says %q, want %q", test.in, got, test.want)
		}
		for member := range parse(t, "{"+test.in+":1}").Children() {
			if got := string(member.Name()); got != test.want {
				t.Errorf("key %s is named %q, want %q", test.in, got, test.want)
			}
		}
	}
	if got := parse(t, "1").Text(); got != nil {
		t.Errorf("a number says %q", got)
	}
	if got := parse(t, "1").Name(); got != nil {
		t.Errorf("what is no member is named %q", got)
	}
}

func TestRepeats(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf(`"%d":0`, i)
	}
	for _, test := range []struct {
		in   string
		want bool
	}{
		{`1`, false},
		{`{"a":1,"b":1}`, false},
		{`{"a":{"a":1},"b":{"a":1}}`, false},
		{`["a","a"]`, false},
		{`{"a":1,"b":1,"a":1}`, true},
		{`{"a":1,"\u0061":1}`, true},
		{`{"":1,"":1}`, true},
		{`[1,{"b":[{"a":1,"a":1}]}]`, true},
		{`{"\ud800":1,"\ud801":1,"\ufffd":1}`, false},
		{"{" + strings.Join(many, ",") + "}", false},
		{"{" + strings.Join(many, ",") + `,"\u0030":0}`, true},
	} {
		if got := parse(t, test.in).Repeats(); got != test.want {
			t.Errorf("%s: %v", test.in, got)
		}
	}
}

// FuzzParse compares with encoding/json, and with the input: the values, put together
// again, are the document.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`null`, `[1,2.50e-3,-0]`, `{"a":{"b":[]},"a":null}`, `"\ud83d\ude00\u2028"`, "\"\u2028\"", ``, `[1e400]`,
		`{"":{"":[[],{}]}}`, `[1,]`, ` 1`, "1 ", `{}}`, `]`, `{"a":1`, strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		compact, errCompact := document.Compact(data)
		_, err := document.Parse(data)
		if same := errCompact == nil && bytes.Equal(compact, data); same != (err == nil) {
			t.Fatalf("Parse says %v, Compact %v", err, errCompact)
		}
		if errCompact != nil {
			return
		}
		v, err := document.Parse(compact)
		if err != nil || !json.Valid(compact) {
			t.Fatalf("Parse of %q says %v, encoding/json %v", compact, err, json.Valid(compact))
		}
		if again := write(nil, v); !bytes.Equal(again, compact) {
			t.Fatalf("%q became %q", compact, again)
		}
		if !document.Equal(v, v) || !document.Equal(v, parse(t, string(compact))) {
			t.Fatalf("%q does not equal itself", compact)
		}
		v.Repeats()
		if v.Kind() == document.String && utf8.Valid(v.Text()) {
			var want string
			if err := json.Unmarshal(compact, &want); err != nil || string(v.Text()) != want {
				t.Fatalf("%q says %q, want %q", compact, v.Text(), want)
			}
		}
	})
}

// write puts a document together from its scalars, keys and kinds.
func write(out []byte, v document.Value) []byte {
	kind := v.Kind()
	if kind != document.Object && kind != document.Array {
		return append(out, v.Raw()...)
	}
	out = append(out, byte(kind))
	n := 0
	for child := range v.Children() {
		if n > 0 {
			out = append(out, ',')
		}
		if n++; kind == document.Object {
			out = append(append(out, child.Key()...), ':')
		}
		out = write(out, child)
	}
	if n != v.Len() {
		panic("Len is wrong")
	}
	return append(out, byte(kind)+2)
}

func BenchmarkParse(b *testing.B) {
	data := []byte("[" + strings.Repeat(`{"symbol":"ACME","price":12.5,"note":"né à Zürich"},`, 20_000) + "0]")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := document.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

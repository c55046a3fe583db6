package document_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub/document"
)

func TestCompact(t *testing.T) {
	const bom = "\uFEFF"
	deepest := strings.Repeat("[", document.MaxDepth) + strings.Repeat("]", document.MaxDepth)
	for _, test := range []struct{ name, in, want string }{
		{"object", " { \"b\" : 1 ,\r\n\t\"a\" : [ true , false , null ] } \n", `{"b":1,"a":[true,false,null]}`},
		{"empty object and array", "[ { } , [ ] ]", `[{},[]]`},
		{"space in strings stays", `[ " a b " ]`, `[" a b "]`},
		{"scalar", " 7 ", "7"},
		{"byte order mark", bom + `{"a":1}`, `{"a":1}`},
		{"byte order mark and space", bom + " 1", "1"},
		{"order of keys", `{"z":1,"a":2,"m":3}`, `{"z":1,"a":2,"m":3}`},
		{"repeated keys", `{"a":1,"a":2}`, `{"a":1,"a":2}`},
		{"2^53+1", `[9007199254740993]`, `[9007199254740993]`},
		{"beyond float64", `[1e400,-1E-400]`, `[1e400,-1E-400]`},
		{"negative zero", `[-0.0,-0,0]`, `[-0.0,-0,0]`},
		{"exponents", `[1e5,1E+05,1.50e-007]`, `[1e5,1E+05,1.50e-007]`},
		{"escapes", `["\u2028\u00e9\/\"\\\b\f\n\r\t\uAbCd"]`, `["\u2028\u00e9\/\"\\\b\f\n\r\t\uAbCd"]`},
		{"unpaired surrogate in an escape", `["\ud800"]`, `["\ud800"]`},
		{"U+2028 and U+2029 themselves", "[\"\u2028\u2029\"]", "[\"\u2028\u2029\"]"},
		{"characters of HTML", `["<script>&"]`, `["<script>&"]`},
		{"emoji", `["👩‍👩‍👧"]`, `["👩‍👩‍👧"]`},
		{"DEL and U+FFFD", "[\"\x7f\uFFFD\"]", "[\"\x7f\uFFFD\"]"},
		{"deepest", deepest, deepest},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := []byte(test.in)
			got, err := document.Compact(in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if string(in) != test.in {
				t.Errorf("the input was changed to %q", in)
			}
			clear(in)
			if string(got) != test.want {
				t.Error("the result shares memory with the input")
			}
		})
	}
}

func TestCompactRefuses(t *testing.T) {
	tooDeep := strings.Repeat("[", document.MaxDepth+1)
	for _, test := range []struct {
		name, in string
		want     error
		offset   int
		text     string
	}{
		{"nothing", "", document.ErrEmpty, 0, "document: empty: at byte 0"},
		{"space", " \n", document.ErrEmpty, 2, "document: empty: at byte 2"},
		{"byte order mark alone", "\uFEFF", document.ErrEmpty, 3, "document: empty: at byte 3"},
		{"two byte order marks", "\uFEFF\uFEFF1", document.ErrSyntax, 3, "document: not JSON: at byte 3, want a value"},
		{"byte order mark behind space", " \uFEFF1", document.ErrSyntax, 1, ""},

		{"half an object", `{"a":1`, document.ErrTruncated, 6, "document: ends too early: at byte 6, want ',' or '}'"},
		{"half an array", `[1,`, document.ErrTruncated, 3, "document: ends too early: at byte 3, want a value"},
		{"open object", `{`, document.ErrTruncated, 1, "document: ends too early: at byte 1, want a key or '}'"},
		{"open array", `[ `, document.ErrTruncated, 2, "document: ends too early: at byte 2, want a value or ']'"},
		{"object behind comma", `{"a":1,`, document.ErrTruncated, 7, "document: ends too early: at byte 7, want a key"},
		{"no colon", `{"a"`, document.ErrTruncated, 4, "document: ends too early: at byte 4, want ':'"},
		{"half a string", `"ab`, document.ErrTruncated, 3, "document: ends too early: at byte 3, want the end of a string"},
		{"half an escape", `"\`, document.ErrTruncated, 2, ""},
		{"half a code", `"\u00`, document.ErrTruncated, 5, ""},
		{"half a literal", `tru`, document.ErrTruncated, 3, "document: ends too early: at byte 3, want true"},
		{"sign alone", `-`, document.ErrTruncated, 1, ""},
		{"fraction without digits", `1.`, document.ErrTruncated, 2, ""},
		{"exponent without digits", `1e+`, document.ErrTruncated, 3, ""},

		{"two documents", `{"a":1}{"a":2}`, document.ErrTrailing, 7, "document: more than one document: at byte 7, want the end"},
		{"two lines", "1\n2", document.ErrTrailing, 2, ""},
		{"NUL behind", "1\x00", document.ErrTrailing, 1, ""},
		{"leading zero", "01", document.ErrTrailing, 1, ""},

		{"NaN", `{"a":NaN}`, document.ErrSyntax, 5, "document: not JSON: at byte 5, want a value"},
		{"HTML", "<!DOCTYPE html>", document.ErrSyntax, 0, ""},
		{"Infinity", "-Infinity", document.ErrSyntax, 1, "document: not JSON: at byte 1, want a digit"},
		{"plus", "+1", document.ErrSyntax, 0, ""},
		{"hexadecimal", "[0x1]", document.ErrSyntax, 2, "document: not JSON: at byte 2, want ',' or ']'"},
		{"no digit before the point", "[.5]", document.ErrSyntax, 1, ""},
		{"no digit behind the point", "[1.]", document.ErrSyntax, 3, ""},
		{"comma at the end of an array", "[1,]", document.ErrSyntax, 3, ""},
		{"comma at the end of an object", `{"a":1,}`, document.ErrSyntax, 7, "document: not JSON: at byte 7, want a key"},
		{"comma first", "[,1]", document.ErrSyntax, 1, ""},
		{"wrong bracket", "[1}", document.ErrSyntax, 2, ""},
		{"wrong brace", `{"a":1]`, document.ErrSyntax, 6, ""},
		{"bracket for a key", `{]`, document.ErrSyntax, 1, ""},
		{"brace for a value", `[}`, document.ErrSyntax, 1, ""},
		{"number for a key", `{1:2}`, document.ErrSyntax, 1, ""},
		{"no colon but a value", `{"a" 1}`, document.ErrSyntax, 5, "document: not JSON: at byte 5, want ':'"},
		{"capital literal", "True", document.ErrSyntax, 0, ""},
		{"literal with a wrong end", "nulL", document.ErrSyntax, 3, "document: not JSON: at byte 3, want null"},
		{"single quotes", "'a'", document.ErrSyntax, 0, ""},
		{"comment", "/* */ 1", document.ErrSyntax, 0, ""},
		{"line break in a string", "\"a\nb\"", document.ErrSyntax, 2, ""},
		{"NUL in a string", "\"\x00\"", document.ErrSyntax, 1, ""},
		{"unknown escape", `"\x41"`, document.ErrSyntax, 2, ""},
		{"code with a wrong digit", `"\u00g0"`, document.ErrSyntax, 5, ""},
		{"no-break space between tokens", "[\u00a01]", document.ErrSyntax, 1, ""},
		{"form feed between tokens", "[\f1]", document.ErrSyntax, 1, ""},

		{"Latin-1", "\"\xe9\"", document.ErrUTF8, 1, "document: invalid UTF-8: at byte 1"},
		{"overlong", "\"a\xc0\xaf\"", document.ErrUTF8, 2, ""},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", document.ErrUTF8, 1, ""},
		{"half a character", "\"\xf0\x9f\x98\"", document.ErrUTF8, 1, ""},
		{"UTF-16", "\xff\xfe[\x00]\x00", document.ErrSyntax, 0, ""},

		{"a level too deep", tooDeep, document.ErrDepth, document.MaxDepth, "document: nested deeper than 1000 levels: at byte 1000"},
		{"100,000 levels", strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), document.ErrDepth, document.MaxDepth, ""},
		{"objects too deep", strings.Repeat(`{"a":`, 100_000), document.ErrDepth, 5 * document.MaxDepth, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := document.Compact([]byte(test.in))
			var refusal *document.Error
			if !errors.As(err, &refusal) || !errors.Is(err, test.want) || refusal.Offset != test.offset || got != nil {
				t.Fatalf("got %q, %v, want %v at byte %d", got, err, test.want, test.offset)
			}
			if test.text != "" && err.Error() != test.text {
				t.Errorf("text %q, want %q", err, test.text)
			}
		})
	}
}

// TestErrorQuotesNothing has a secret in a document: clients see the error, and it is
// logged.
func TestErrorQuotesNothing(t *testing.T) {
	for _, in := range []string{`{"token":hunter2}`, `{"token":"hunter2`, `{"token" "hunter2"}`, `"hunter2" hunter2`} {
		_, err := document.Compact([]byte(in))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s gives %v", in, err)
		}
	}
}

// TestCompactAllocates checks that early refusals cost at most one allocation of the
// size of the input, and no stack.
func TestCompactAllocates(t *testing.T) {
	big := []byte(strings.Repeat(`[{"a":[1,2,"three"]},`, 300))
	big = append(big, append([]byte("0"), bytes.Repeat([]byte("]"), 300)...)...)
	if _, err := document.Compact(big); err != nil {
		t.Fatal(err)
	}
	allocations := testing.AllocsPerRun(20, func() {
		if _, err := document.Compact(big); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 10 { // the result, and the levels, which double up to 600
		t.Errorf("%v allocations", allocations)
	}
}

// FuzzCompact compares with encoding/json, an independent implementation of the same
// grammar.
func FuzzCompact(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, ` [ 1 , 2.50e-3 , -0 ] `, `{"a":{"b":[]},"a":null}`, `"\ud83d\ude00\u2028"`, "\"\u2028\xff\"",
		`[1e400,9007199254740993]`, `{"a":1}{"b":2}`, `[1,]`, "\uFEFF{}", `tru`, `-`, `1.`, `"\u12`, "[\"\x01\"]", `01`,
		strings.Repeat("[", 1000) + strings.Repeat("]", 1000), strings.Repeat("[", 1001) + strings.Repeat("]", 1001),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := document.Compact(data)
		if errors.Is(err, document.ErrDepth) {
			return // encoding/json allows ten times the depth
		}
		text := bytes.TrimPrefix(data, []byte("\uFEFF"))
		// Neither accepts bytes outside of strings that are not ASCII.
		if valid := json.Valid(text) && utf8.Valid(text); valid != (err == nil) {
			t.Fatalf("error %v, but encoding/json says %v", err, valid)
		}
		if err != nil {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("got %q, encoding/json gives %q", got, want.Bytes())
		}
		// cmp.Diff does not end for a thousand levels.
		if in, out := decode(t, text), decode(t, got); !reflect.DeepEqual(in, out) {
			t.Fatalf("value %v became %v", in, out)
		}
		again, err := document.Compact(got)
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("a second time: %q, %v", again, err)
		}
	})
}

func decode(t *testing.T, data []byte) (value any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func BenchmarkCompact(b *testing.B) {
	data := []byte("[" + strings.Repeat("\n  {\"symbol\": \"ACME\", \"price\": 12.5, \"note\": \"né à Zürich\"},", 20_000) + "0]")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := document.Compact(data); err != nil {
			b.Fatal(err)
		}
	}
}

package httpjson_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/poller/httpjson"
)

// TestFormats has bodies of all formats and in all charsets, and what becomes of them.
func TestFormats(t *testing.T) {
	const limit = 60
	for _, test := range []struct {
		name    string
		options httpjson.Options
		media   string
		body    string
		want    string // a document, or a class and words
	}{
		{"JSON is left alone", httpjson.Options{}, "", " {\n", " {\n"},
		{"prefix", httpjson.Options{StripPrefix: ")]}'\n"}, "", ")]}'\n[1]", "[1]"},
		{"another beginning", httpjson.Options{StripPrefix: ")]}'\n"}, "", "[1]", "[1]"},
		{"prefix once", httpjson.Options{StripPrefix: "1"}, "", "112", "12"},

		{"text", httpjson.Options{Format: "text"}, "", "<a>\n\"\\\x00€ ", "\"<a>\\n\\\"\\\\\\u0000€ \""},
		{"no text", httpjson.Options{Format: "text"}, "", "", `""`},
		{"text that is not UTF-8", httpjson.Options{Format: "text"}, "", "\xff", "format: the answer is not text: it is not UTF-8; charset says what it is"},
		{"text as long as may be", httpjson.Options{Format: "text"}, "", strings.Repeat("a", limit-2), `"` + strings.Repeat("a", limit-2) + `"`},
		{"text that becomes too long", httpjson.Options{Format: "text"}, "", strings.Repeat("a", limit-1), "too_large: the document is larger than 60 bytes, which is max_document"},

		{"csv", httpjson.Options{Format: "csv"}, "", "a,\"b \"\"c\"\"\"\r\n1,\r\n\r\n\"x\ny\",\" 2\"\r\n", `[{"a":"1","b \"c\"":""},{"a":"x\ny","b \"c\"":" 2"}]`},
		{"csv with a byte order mark", httpjson.Options{Format: "csv"}, "", "\xef\xbb\xbfa\n1", `[{"a":"1"}]`},
		{"csv with semicolons", httpjson.Options{Format: "csv"}, "", "a;\"b,c,d\"\n1,5;2\n", `[{"a":"1,5","b,c,d":"2"}]`},
		{"csv with tabs", httpjson.Options{Format: "csv"}, "", "a\tb\n1,5\t2;3\n", `[{"a":"1,5","b":"2;3"}]`},
		{"csv with as many commas", httpjson.Options{Format: "csv"}, "", "a,b;c\n1,2\n", `[{"a":"1","b;c":"2"}]`},
		{"csv with semicolons in a field alone", httpjson.Options{Format: "csv"}, "", "a,b\n1,2;3;4\n", `[{"a":"1","b":"2;3;4"}]`},
		{"csv without lines", httpjson.Options{Format: "csv"}, "", "a,b", `[]`},
		{"no csv", httpjson.Options{Format: "csv"}, "", "", "format: the answer is not csv: it has no header line"},
		{"names twice", httpjson.Options{Format: "csv"}, "", "a,b,a\n", "format: the answer is not csv: columns 1 and 3 of the header line have the same name"},
		{"a field less", httpjson.Options{Format: "csv"}, "", "a,b\n1,2\n1\n", "format: the answer is not csv: record on line 3: wrong number of fields"},
		{"a quote", httpjson.Options{Format: "csv"}, "", "a\n1\"\n", `format: the answer is not csv: parse error on line 2, column 2: bare " in non-quoted-field`},
		{"csv that is not UTF-8", httpjson.Options{Format: "csv"}, "", "a\n\xff", "format: the answer is not csv: it is not UTF-8; charset says what it is"},
		{"csv that becomes too long", httpjson.Options{Format: "csv"}, "", "abcdefghij\n1\n1\n1\n1\n1\n", "too_large: the document is larger than 60 bytes, which is max_document"},

		{"lines", httpjson.Options{Format: "ndjson"}, "", "{\"a\": 1}\r\n\n 2\n\"3\"", `[{"a":1},2,"3"]`},
		{"no lines", httpjson.Options{Format: "ndjson"}, "", "\n", `[]`},
		{"two in one line", httpjson.Options{Format: "ndjson"}, "", "1\n2 3\n", "format: the answer is not ndjson: line 2 is not one JSON document"},
		{"a line that is cut", httpjson.Options{Format: "ndjson"}, "", "1\n{\"a\":\n", "format: the answer is not ndjson: line 2 is not one JSON document"},

		{"latin-1", httpjson.Options{Charset: "latin1"}, "", "\"caf\xe9\"", `"café"`},
		{"latin-1 by its Content-Type", httpjson.Options{}, "application/json; charset=iso-8859-1", "\"caf\xe9\"", `"café"`},
		{"a Content-Type that lies", httpjson.Options{}, "application/json; charset=iso-8859-1", `"café"`, `"café"`},
		{"UTF-16 by its Content-Type", httpjson.Options{}, "application/json; charset=UTF-16LE", "[\x001\x00]\x00", "[1]"},
		{"UTF-8 by its setting", httpjson.Options{Charset: "utf8"}, "application/json; charset=iso-8859-1", `"café"`, `"café"`},
		{"a charset that nobody knows", httpjson.Options{}, "application/json; charset=x", "\"\xff\"", "\"\xff\""},
		{"a charset that is not decoded", httpjson.Options{}, "application/json; charset=iso-2022-kr", "\"\xff\"", "encoding: the answer is not in the charset replacement"},
		{"decoded, too long", httpjson.Options{Charset: "latin1"}, "", strings.Repeat("\xe9", limit/2+1), "too_large: the document is larger than 60 bytes, which is max_document"},
		{"charset, prefix and format", httpjson.Options{Charset: "latin1", StripPrefix: "é\n", Format: "csv"}, "", "\xe9\na\n\xe9\n", `[{"a":"é"}]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.media)
				_, _ = io.WriteString(w, test.body)
			})
			test.options.URL, test.options.MaxBody = server.URL, limit
			reading, err := get(t, test.options)
			got := string(reading.Document)
			if err != nil {
				got = class(t, err) + ": " + wordsOf(t, err)
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestFormatOptions has options that are refused.
func TestFormatOptions(t *testing.T) {
	for _, opts := range []httpjson.Options{
		{Format: "xml"}, {Charset: "latin-9000"}, {Charset: " "}, {StripPrefix: strings.Repeat("a", 101)},
	} {
		opts.URL = "http://upstream.example"
		if _, err := httpjson.New(opts); err == nil {
			t.Errorf("%+v: no error", opts)
		}
	}
	if _, err := httpjson.New(httpjson.Options{URL: "http://upstream.example", Format: "ndjson", Charset: "Shift_JIS", StripPrefix: strings.Repeat("a", 100)}); err != nil {
		t.Error(err)
	}
}

// FuzzFormats has bodies that nobody thought of. What becomes of them is one JSON document,
// or an error.
func FuzzFormats(f *testing.F) {
	for _, seed := range []string{"", "a,b\n1,2\n", "{}\n[]\n", "\xff\xfe1\x00", "\"\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, format := range httpjson.Formats()[1:] {
			converted, err := httpjson.Convert(httpjson.Options{Format: format}, []byte(body))
			if err != nil {
				continue
			}
			if !json.Valid(converted) {
				t.Errorf("%s of %q is %q", format, body, converted)
			}
		}
	})
}

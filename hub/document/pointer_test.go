package document_test

import (
	"testing"

	"github.com/polluxhub/pollux/hub/document"
)

func TestPointer(t *testing.T) {
	const specimen = `{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}` // RFC 6901 section 5
	for _, test := range []struct{ pointer, in, want string }{
		{"", specimen, specimen},
		{"/foo", specimen, `["bar","baz"]`},
		{"/foo/0", specimen, `"bar"`},
		{"/", specimen, "0"},
		{"/a~1b", specimen, "1"},
		{"/c%d", specimen, "2"},
		{"/e^f", specimen, "3"},
		{"/g|h", specimen, "4"},
		{`/i\j`, specimen, "5"},
		{`/k"l`, specimen, "6"},
		{"/ ", specimen, "7"},
		{"/m~0n", specimen, "8"},

		{"/~01", `{"~1":1,"/":2}`, "1"},
		{"/~10", `{"~1":1,"/0":2}`, "2"},
		{"/é", `{"\u00e9":1}`, "1"},
		{"//", `{"":{"":1}}`, "1"},
		{"/0", `{"0":1}`, "1"},
		{"/-", `{"-":1}`, "1"},
		{"/10", `[0,1,2,3,4,5,6,7,8,9,[10]]`, "[10]"},
		{"/1/a", `[{"a":[[1]]},{"a":2}]`, "2"},

		{"/2", `[0,1]`, ""},
		{"/-", `[0,1]`, ""},
		{"/-1", `[0,1]`, ""},
		{"/+1", `[0,1]`, ""},
		{"/01", `[0,1]`, ""},
		{"/1e0", `[0,1]`, ""},
		{"/", `[0,1]`, ""},
		{"/18446744073709551617", `[0,1]`, ""},
		{"/a/b", `{"a":1}`, ""},
		{"/a", `"a"`, ""},
		{"/a", `{"a":1,"\u0061":1}`, ""},
		{"/A", `{"a":1}`, ""},
	} {
		p, err := document.ParsePointer(test.pointer)
		if err != nil {
			t.Fatal(err)
		}
		if p.String() != test.pointer {
			t.Errorf("%q is written %q", test.pointer, p)
		}
		got := ""
		if v, ok := p.Find(parse(t, test.in)); ok {
			got = string(v.Raw())
		}
		if got != test.want {
			t.Errorf("%q in %s finds %q, want %q", test.pointer, test.in, got, test.want)
		}
	}
}

func TestParsePointerRefuses(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"a", `document: JSON Pointer "a" does not begin with "/"`},
		{"#/a", `document: JSON Pointer "#/a" does not begin with "/"`},
		{"/a~", `document: JSON Pointer "/a~" has a "~" that is neither "~0", for "~", nor "~1", for "/"`},
		{"/~2/b", `document: JSON Pointer "/~2/b" has a "~" that is neither "~0", for "~", nor "~1", for "/"`},
		{"/~/b", `document: JSON Pointer "/~/b" has a "~" that is neither "~0", for "~", nor "~1", for "/"`},
	} {
		if _, err := document.ParsePointer(test.in); err == nil || err.Error() != test.want {
			t.Errorf("%q: got %v, want %s", test.in, err, test.want)
		}
	}
}

package same_test

import (
	"strings"
	"testing"

	"github.com/polluxhub/pollux/poller/same"
)

func TestSame(t *testing.T) {
	for _, test := range []struct {
		name, published, fetched string
		ignore                   []string
		want                     bool
	}{
		{"same bytes", `{"a":1}`, `{"a":1}`, nil, true},
		{"same bytes that are no document", `{`, `{`, nil, true},
		{"nothing published yet", ``, `{}`, nil, false},
		{"order of keys", `{"a":1,"b":2}`, `{"b":2,"a":1}`, nil, true},
		{"escapes", `{"a":"\u00e9"}`, `{"a":"é"}`, nil, true},
		{"another value", `{"a":1}`, `{"a":2}`, nil, false},
		{"a number written in another way", `{"a":1}`, `{"a":1.0}`, nil, false},
		{"2^53+1 and 2^53", `[9007199254740993]`, `[9007199254740992]`, nil, false},
		{"ignored", `{"a":1,"meta":{"at":1}}`, `{"meta":{"at":2},"a":1}`, []string{"/meta/at"}, true},
		{"beside the ignored", `{"a":1,"meta":{"at":1}}`, `{"meta":{"at":1},"a":2}`, []string{"/meta/at"}, false},
		{"ignored and gone", `{"a":1,"at":1}`, `{"a":1}`, []string{"/at"}, true},
		{"ignored and new", `{"a":1}`, `{"a":1,"at":1}`, []string{"/at"}, true},
		{"what the ignored is in, gone", `{"a":1,"meta":{"at":1}}`, `{"a":1}`, []string{"/meta/at"}, false},
		{"of each element", `[{"at":1,"a":1},{"at":1}]`, `[{"a":1,"at":2},{"at":3}]`, []string{"/*/at"}, true},
		{"beside that of each element", `[{"at":1,"a":1}]`, `[{"at":1,"a":2}]`, []string{"/*/at"}, false},
		{"of each member", `{"x":{"at":1},"y":{"at":1}}`, `{"x":{"at":2},"y":{}}`, []string{"/*/at"}, true},
		{"of each element of each member", `{"x":[{"at":1}],"y":[{"at":1},1]}`, `{"x":[{"at":2}],"y":[{"at":2},1]}`, []string{"/*/*/at"}, true},
		{"at the end", `{"a":1,"log":{"x":1}}`, `{"a":1,"log":{"y":2}}`, []string{"/log/*"}, true},
		{"an element more", `[{"at":1}]`, `[{"at":1},{"at":1}]`, []string{"/*/at"}, false},
		{"both it and what is in it", `{"a":{"b":1}}`, `{"a":{"b":2}}`, []string{"/*/b", "/a", "/a/*"}, true},
		{"a key named *", `{"*":{"at":1}}`, `{"*":{"at":2}}`, []string{"/*/at"}, true},
		{"published is no document", `{`, `{}`, nil, false},
		{"fetched is no document", `{}`, `{`, nil, false},
		{"repeated key", `{"a":1,"b":1,"a":1}`, `{"a":1,"a":1,"b":1}`, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := same.New(test.ignore)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Same([]byte(test.published), []byte(test.fetched)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		ignore []string
		want   string
	}{
		{"no pointer", []string{"/a", "meta"}, `same: ignore: document: JSON Pointer "meta" does not begin with "/"`},
		{"everything", []string{""}, `same: ignore: "" is the whole document, want a part of it such as "/meta/generatedAt"`},
		{"too many", strings.Split(strings.Repeat("/a ", same.MaxIgnore)+"/a", " "), "same: 101 JSON Pointers to ignore, want at most 100"},
	} {
		if _, err := same.New(test.ignore); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
	if _, err := same.New(strings.Fields(strings.Repeat("/a ", same.MaxIgnore))); err != nil {
		t.Error(err)
	}
}

// TestSameBytesCostNothing checks that a document that has not changed, as in most
// polls, is not parsed.
func TestSameBytesCostNothing(t *testing.T) {
	d, err := same.New([]string{"/a"})
	if err != nil {
		t.Fatal(err)
	}
	published := []byte("[" + strings.Repeat("1,", 10_000) + "1]")
	fetched := []byte(string(published))
	if n := testing.AllocsPerRun(10, func() { d.Same(published, fetched) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSame(b *testing.B) {
	published := []byte(`{"at":1,"rows":[` + strings.Repeat(`{"id":123,"state":"passed"},`, 200) + `0]}`)
	fetched := []byte(strings.Replace(string(published), `"at":1`, `"at":2`, 1))
	d, err := same.New([]string{"/at"})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(fetched)))
	b.ReportAllocs()
	for b.Loop() {
		if !d.Same(published, fetched) {
			b.Fatal("a change")
		}
	}
}

package reshape_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/reshape"
)

func split(t testing.TB, program, doc string, opts reshape.Options) ([]poller.Part, error) {
	t.Helper()
	s, err := reshape.NewSplit(program, opts)
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	return s.Split(t.Context(), []byte(doc))
}

func TestSplit(t *testing.T) {
	const quotes = `{"quotes":[{"symbol":"BTC","p":1.50},{"symbol":"ETH","p":2},{"symbol":"BTC","p":3}]}`
	for _, test := range []struct{ name, program, doc, want string }{
		{"the issue's", ".quotes[] | {key: .symbol, value: .}", quotes, `BTC={"p":1.50,"symbol":"BTC"} ETH={"p":2,"symbol":"ETH"} BTC={"p":3,"symbol":"BTC"}`},
		{"parts of parts", ".quotes[1:][] | {key: .symbol, value: .p}", quotes, "ETH=2 BTC=3"},
		{"none", "empty", quotes, ""},
		{"one", `{key: "a", value: null}`, "0", "a=null"},
		{"an object", "to_entries[]", `{"b":1,"a":[]}`, "a=[] b=1"},
		{"numbers", ".[] | {key: ., value: 1}", "[42,9007199254740993,1.0,1e3]", "42=1 9007199254740993=1 1.0=1 1e3=1"},
		{"calculated numbers", ".[] | {key: (. + 1), value: 1}", "[42,9007199254740993,0.5,9223372036854775807]", "43=1 9007199254740994=1 1.5=1 9223372036854775808=1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			parts, err := split(t, test.program, test.doc, reshape.Options{})
			if err != nil {
				t.Fatal(err)
			}
			texts := make([]string, len(parts))
			for i, part := range parts {
				texts[i] = part.Key + "=" + string(part.Document)
			}
			if diff := cmp.Diff(test.want, strings.Join(texts, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	const doc = `{"a":"hunter2","list":[1,2]}`
	const shape = "the program of split returned something else than {key, value}, for example with .quotes[] | {key: .symbol, value: .}"
	for _, test := range []struct{ name, program, class, want string }{
		{"no object", ".list[]", "select", shape},
		{"an array", "[{key: 1, value: 1}]", "select", shape},
		{"no value", "{key: .a}", "select", shape},
		{"no key", "{value: .a}", "select", shape},
		{"a key of another name", "{symbol: .a, value: 1}", "select", "the program of split returned a key that is neither a string nor a number"},
		{"more members", "{key: .a, value: 1, more: 1}", "select", shape},
		{"a key that is null", "{key: null, value: 1}", "select", "the program of split returned a key that is neither a string nor a number"},
		{"a key that is an object", "{key: ., value: 1}", "select", "the program of split returned a key that is neither a string nor a number"},
		{"an error", "error(.)", "select", "the program of split failed: it calls error"},
		{"an error behind a part", "{key: 1, value: 1}, error(.)", "select", "the program of split failed: it calls error"},
		{"a large part", `{key: 1, value: (.a * 200)}`, "too_large", "the result of split has more than 1000 bytes"},
		{"large parts", `range(120) | {key: "k", value: "1234567"}`, "too_large", "the result of split has more than 1000 bytes"},
		{"large keys", `range(4) | {key: ("k" * 250), value: 1}`, "too_large", "the result of split has more than 1000 bytes"},
		{"endless", `repeat(.) | empty`, "select_timeout", "the program of split took too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := reshape.Options{MaxBytes: 1000, Timeout: time.Minute}
			if test.class == "select_timeout" {
				opts.Timeout = 50 * time.Millisecond
			}
			parts, err := split(t, test.program, doc, opts)
			expect(t, err, test.class)
			if parts != nil {
				t.Errorf("parts beside an error: %v", parts)
			}
			if failure, ok := errors.AsType[*poller.Error](err); ok && failure.Err.Error() != test.want {
				t.Errorf("got %q, want %q", failure.Err, test.want)
			}
		})
	}
}

// TestSplitBounds keeps what just fits, and refuses one part more.
func TestSplitBounds(t *testing.T) {
	for _, test := range []struct {
		program string
		limit   int
		parts   int // 0: refused
	}{
		{`range(10000) | {key: 1, value: 1}`, 0, 10000},
		{`range(10001) | {key: 1, value: 1}`, 0, 0},
		{`range(100) | {key: "k", value: "1234567"}`, 1000, 100}, // 1 and 9 bytes each
		{`range(100) | {key: "k", value: "1234567"}`, 999, 0},
	} {
		parts, err := split(t, test.program, "0", reshape.Options{MaxBytes: test.limit, Timeout: time.Minute})
		if test.parts == 0 {
			expect(t, err, "too_large")
		} else if err != nil || len(parts) != test.parts {
			t.Errorf("%s: %d parts, %v, want %d", test.program, len(parts), err, test.parts)
		}
	}
}

func TestSplitIsCancelled(t *testing.T) {
	s, err := reshape.NewSplit("repeat(.) | empty", reshape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Split(ctx, []byte("1"))
	expect(t, err, "select_timeout")
}

func TestNewSplitRefuses(t *testing.T) {
	for _, program := range []string{".a[", "nothing_known", "." + strings.Repeat(" ", 9000)} {
		if _, err := reshape.NewSplit(program, reshape.Options{}); err == nil {
			t.Errorf("%.20s is accepted", program)
		}
	}
	if _, err := reshape.NewSplit(".", reshape.Options{MaxBytes: -1}); err == nil {
		t.Error("bounds are not checked")
	}
}

func BenchmarkSplit(b *testing.B) {
	var doc strings.Builder
	for i := range 100 {
		fmt.Fprintf(&doc, `,{"symbol":"S%d","price":%d.25,"volume":%d}`, i, i, i*1000)
	}
	s, err := reshape.NewSplit(".[] | {key: .symbol, value: .}", reshape.Options{})
	if err != nil {
		b.Fatal(err)
	}
	text := []byte("[" + doc.String()[1:] + "]")
	for b.Loop() {
		if _, err := s.Split(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
}

package hub_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

func TestSplitName(t *testing.T) {
	for name, want := range map[string][2]string{
		"": {"", ""}, "prices": {"prices", ""}, "prices/BTC": {"prices", "BTC"},
		"prices/": {"prices", ""}, "/BTC": {"", "BTC"}, "a/b/c": {"a", "b/c"},
	} {
		if stream, key := hub.SplitName(name); [2]string{stream, key} != want {
			t.Errorf("SplitName(%q) = %q, %q, want %q", name, stream, key, want)
		}
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"prices": true, "prices/BTC": true, strings.Repeat("x", 64) + "/" + strings.Repeat("k", 128): true,
		"": false, "/BTC": false, "prices/": false, "a/b/c": false, "hb/BTC": false, "a b/c": false,
		strings.Repeat("x", 65) + "/k": false, "prices/" + strings.Repeat("k", 129): false,
		"prices/.": false, "prices/..": false,
	} {
		if err := hub.CheckName(name); ok != (err == nil) || !ok && !errors.Is(err, hub.ErrInvalidStream) {
			t.Errorf("CheckName(%q) = %v, want ok %v", name, err, ok)
		}
	}
}

func TestCheckKey(t *testing.T) {
	for key, ok := range map[string]bool{
		"B": true, strings.Repeat("k", 128): true, "...": true, ".a": true, "message": true, "{key}": true, "?#&=%;:@'`": true,
		"": false, strings.Repeat("k", 129): false, ".": false, "..": false, "é": false, "\xff": false,
	} {
		if err := hub.CheckKey(key); ok != (err == nil) || !ok && !errors.Is(err, hub.ErrInvalidStream) {
			t.Errorf("CheckKey(%q) = %v, want ok %v", key, err, ok)
		}
	}
	for c := range 256 {
		refused := c <= ' ' || c >= 0x7f || strings.ContainsRune(`"\,/`, rune(c))
		if err := hub.CheckKey("a" + string([]byte{byte(c)})); refused != (err != nil) {
			t.Errorf("key with the byte %#x: %v, want refused %v", c, err, refused)
		}
	}
}

func TestKeyPattern(t *testing.T) {
	for _, test := range []struct{ pattern, matches, others string }{
		{"[A-Z0-9]{2,10}", "AB 0123456789", "A ABCDEFGHIJK btc ABé BTC/"},
		{"a|bc", "a bc", "ab abc c"},
		{"(?i)a|b", "A b", "AB"},
		{".+", "x ...", ". .. a/b a,b"},
		{strings.Repeat("a", 256), strings.Repeat("a", 0), "a"},
	} {
		pattern, err := hub.NewKeyPattern(test.pattern)
		if err != nil {
			t.Errorf("%q: %v", test.pattern, err)
			continue
		}
		if pattern.String() != test.pattern {
			t.Errorf("%q as text is %q", test.pattern, pattern)
		}
		for key := range strings.FieldsSeq(test.matches) {
			if !pattern.Match(key) {
				t.Errorf("%q does not match %q", pattern, key)
			}
		}
		for _, key := range append(strings.Fields(test.others), "") {
			if pattern.Match(key) {
				t.Errorf("%q matches %q", pattern, key)
			}
		}
		if pattern.Match("AB\n") {
			t.Errorf("%q matches a key with a line feed", pattern)
		}
	}
	for _, pattern := range []string{"", strings.Repeat("a", 257), "a*", "a|", "^$", "(", "a)(b", "a)|(?:b", `\Qa`, "[", "(?=a)", `(a)\1`} {
		if got, err := hub.NewKeyPattern(pattern); err == nil {
			t.Errorf("%q is accepted as %v", pattern, got)
		}
	}
}

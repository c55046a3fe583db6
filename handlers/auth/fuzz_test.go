package auth_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/polluxhub/pollux/handlers/auth"
)

// expires reports whether a line with a token has an expiry, which follows the name and the
// digest. The name may look like one.
func expires(file string) bool {
	for line := range strings.Lines(file) {
		fields := strings.Fields(line)
		if len(fields) > 2 && !strings.HasPrefix(fields[0], "#") && slices.ContainsFunc(fields[2:], func(field string) bool { return strings.HasPrefix(field, "expires=") }) {
			return true
		}
	}
	return false
}

// A file of tokens that is accepted says what its lines say, and can be written again. What
// is refused is not quoted, because a token may stand there.
func FuzzParseStatic(f *testing.F) {
	const digest = "sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, seed := range []string{
		"", "alice " + digest, "alice " + digest + " subscribe=a,b* publish=* expires=2030-01-31T00:00:00Z", "# no\n\nbob " + strings.ToUpper(digest[7:]),
		"alice " + digest + "\nalice " + strings.Replace(digest, "0", "1", 1), "a " + digest + "\nb " + digest, "a " + digest + " subscribe=", "a " + digest + " subscribe=a subscribe=b",
		"a " + digest + " expires=0001-01-01T00:00:00Z", "a " + digest + " expires=0000-01-01T00:00:00+23:00", "a " + digest + " expires=9999-12-31T23:59:59-01:00", "a " + digest + " publish=*/expires=2030-", "a\u2028 " + digest, "a\x00b " + digest, "\xff " + digest,
	} {
		f.Add(seed, "")
		f.Add(seed+" ", "\n")
	}
	const marker = "pollux_MARKER"
	f.Fuzz(func(t *testing.T, before, after string) {
		if _, err := auth.ParseStatic(before + marker + after); err != nil && strings.Contains(err.Error(), marker) {
			t.Errorf("quoted: %v", err)
		}
		all, err := auth.ParseStatic(before + after)
		if err != nil {
			return
		}
		lines := ""
		for _, s := range all {
			if err := s.Check(); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
			if s.Expires.IsZero() && len(all) == 1 && expires(before+after) {
				t.Errorf("a token with an expiry never ends: %q", before+after)
			}
			lines += s.Line() + "\n"
		}
		again, err := auth.ParseStatic(lines)
		if err != nil {
			t.Fatalf("%q became %q: %v", before+after, lines, err)
		}
		for i := range all {
			all[i].Expires = all[i].Expires.UTC().Truncate(time.Second)
		}
		if !reflect.DeepEqual(again, all) {
			t.Errorf("%q became %+v, and that %+v", before+after, all, again)
		}
		if _, err := auth.New(auth.Options{Static: all}); err != nil {
			t.Errorf("%q: %v", lines, err)
		}
	})
}

// A pattern means what the same regular expression means. Touch and Cover never contradict
// Match.
func FuzzPatterns(f *testing.F) {
	f.Add("prices/*,news", "prices/", "BTC")
	f.Add("*", "", "x")
	f.Add("a*,a", "a", "*")
	f.Add("user/4*", "user/", "42")
	f.Add("a**", "a*", "b")
	f.Fuzz(func(t *testing.T, list, prefix, rest string) {
		if !utf8.ValidString(list) || !utf8.ValidString(prefix+rest) {
			return
		}
		patterns, name := auth.Patterns(strings.Split(list, ",")), prefix+rest
		want := false
		for _, pattern := range patterns {
			text := regexp.QuoteMeta(pattern)
			if begin, open := strings.CutSuffix(pattern, "*"); open {
				text = regexp.QuoteMeta(begin) + ".*"
			}
			want = want || regexp.MustCompile(`(?s)\A`+text+`\z`).MatchString(name)
		}
		match := patterns.Match(name)
		switch {
		case match != want:
			t.Errorf("%q matches %q: %v", patterns, name, match)
		case match && !patterns.Touch(prefix):
			t.Errorf("%q matches %q and does not touch %q", patterns, name, prefix)
		case patterns.Cover(prefix) && !match:
			t.Errorf("%q covers %q and does not match %q", patterns, prefix, name)
		case patterns.Any() && list != "" && !strings.Contains(","+list+",", ",,") && !patterns.Cover(""):
			t.Errorf("%q matches every name and does not cover them", patterns)
		}
	})
}

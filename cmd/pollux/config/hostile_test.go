package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestHostile gives the parser files that make parsers slow, or are large or deep. Each
// is refused, if necessary before the parser runs.
func TestHostile(t *testing.T) {
	const size = maxText / 64
	whole := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for _, text := range []string{
		whole("["), whole("{"), whole("- "), whole("-\n"), whole("? "), whole("!a "), whole("&a "), whole("&a &b "), whole("a: "),
		whole("{a: "), whole("[a: "), whole("[- "), whole("'"), whole("\""), whole("|\n"), whole("---\n"), whole("*a "), whole(":"),
		whole(": "), whole(","), whole("]"), whole("}"), whole("a: &a\n"), whole("<<: *a\n"), whole("\t"), whole("\r"), whole("\x00"),
		whole("%a\n"), whole("a\n"), whole("\"\"\n"), "[" + whole("a: 1,\n")[:size-8] + "]",
		"{" + whole("a,")[:size-2] + "}", "[" + whole("a,")[:size-2] + "]", "[" + whole("[],")[:size-3] + "]",
		repeat(90_000, "k%d:", "\n"), "a: |\n" + whole(" b\n")[:size-8], "a: b" + whole("\n\n")[:size-8] + " c",
		"a:\n" + whole("- a: 1\n")[:size-8],
	} {
		if c, err := parseTest(text); err == nil {
			t.Errorf("%.20q...: %.100v", text, c)
		}
	}
}

// TestAliases has a value that contains 10^9 others by aliases, and one that many
// share.
func TestAliases(t *testing.T) {
	laughs := "listen: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 8 {
		laughs += fmt.Sprintf("k%d: &%c [%s]\n", i, 'b'+i, strings.Repeat(fmt.Sprintf("*%c, ", 'a'+i), 10))
	}
	laughs += "allow_origins: *i\n"
	if _, err := parseTest(laughs); err == nil || !strings.Contains(err.Error(), "10:1: unknown key") && len(err.Error()) > 1<<16 {
		t.Errorf("%.1000v", err)
	}
	shared := "streams:\n- {name: first, url: 'https://a.example', headers: &h {X-Api-Key: '${TOKEN}'}, ignore: &i [/a, /b]}\n" +
		repeat(9_999, "- {name: s%d, url: 'https://a.example', headers: *h, ignore: *i}", "\n")
	c, err := parseTest(shared)
	if err != nil {
		t.Fatal(err)
	}
	if last := c.Streams[9_999]; last.Header().Get("X-Api-Key") != "from-environment" || len(last.Ignore) != 2 {
		t.Errorf("%+v", last)
	}
}

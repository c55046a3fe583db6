package httpjson_test

import (
	"strings"
	"testing"

	"github.com/polluxhub/pollux/poller/httpjson"
)

func TestUserAgent(t *testing.T) {
	const contact = " (+https://github.com/polluxhub/pollux)"
	for version, want := range map[string]string{
		"v1.2.3": "pollux/1.2.3", "1.2.3": "pollux/1.2.3", "v0.0.0-20261129+dirty": "pollux/0.0.0-20261129+dirty",
		"": "pollux", "(devel)": "pollux", "a b": "pollux", "v": "pollux",
	} {
		if got := httpjson.UserAgent(version, ""); got != want+contact {
			t.Errorf("%q: %q, want %q", version, got, want+contact)
		}
	}
	if got, want := httpjson.UserAgent("v1.2.3", "ops@example.com"), "pollux/1.2.3 (+https://github.com/polluxhub/pollux; ops@example.com)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCheckContact(t *testing.T) {
	for text, want := range map[string]bool{
		"ops@example.com": true, "Example Ltd., https://example.com/contact": true, strings.Repeat("a", 200): true,
		"": false, strings.Repeat("a", 201): false, "a)": false, "(a": false, `a\b`: false, "a\r\nX: y": false, "é": false, "\x00": false,
	} {
		if err := httpjson.CheckContact(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

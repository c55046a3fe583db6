package httpjson_test

import (
	"testing"

	"github.com/polluxhub/pollux/poller/httpjson"
)

func TestUserAgent(t *testing.T) {
	const contact = " (+https://github.com/polluxhub/pollux)"
	for version, want := range map[string]string{
		"v1.2.3": "pollux/1.2.3", "1.2.3": "pollux/1.2.3", "v0.0.0-20261129+dirty": "pollux/0.0.0-20261129+dirty",
		"": "pollux", "(devel)": "pollux", "a b": "pollux", "v": "pollux",
	} {
		if got := httpjson.UserAgent(version); got != want+contact {
			t.Errorf("%q: %q, want %q", version, got, want+contact)
		}
	}
}

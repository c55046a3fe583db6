package auth_test

import (
	"testing"

	"github.com/polluxhub/pollux/handlers/auth"
)

// A pattern covers a prefix if no name that begins with it is left out.
func TestCover(t *testing.T) {
	for pattern, want := range map[string]bool{
		"*": true, "u*": true, "user*": true, "user/*": true, "user/4*": false, "user/": false, "user": false, "users/*": false, "": false, "user/**": false,
	} {
		if got := (auth.Patterns{"news", pattern}).Cover("user/"); got != want {
			t.Errorf("%q: %v", pattern, got)
		}
	}
	if (auth.Patterns{}).Cover("user/") {
		t.Error("no pattern covers it")
	}
}

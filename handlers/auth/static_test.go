package auth_test

import (
	"testing"

	"github.com/polluxhub/pollux/handlers/auth"
)

// What cannot stand in a line, and what a terminal would obey, is refused.
func TestStaticCheck(t *testing.T) {
	for text, want := range map[string]bool{
		"a": true, "é": true, "user/*": true, `a"b`: true, "": false, "a b": false, "a\tb": false, "a\u00a0b": false, "a\nb": false,
		"a\x00": false, "\x1b[31m": false, "a\u202eb": false,
	} {
		for _, s := range []auth.Static{{Name: text}, {Name: "x", Subscribe: auth.Patterns{text}}, {Name: "x", Publish: auth.Patterns{text}}} {
			if err := s.Check(); (err == nil) != want {
				t.Errorf("%+q: %v", s.Name+" "+text, err)
			}
		}
	}
	for _, wrong := range []auth.Static{{Name: "#a"}, {Name: "x", Subscribe: auth.Patterns{"a,b"}}, {Name: "x", Publish: make(auth.Patterns, auth.MaxPatterns+1)}} {
		if err := wrong.Check(); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}

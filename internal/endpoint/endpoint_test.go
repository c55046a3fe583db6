package endpoint

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		text, network, dial string // dial is "" if it is not known
		local               bool
	}{
		{"127.0.0.1:3000", TCP, "127.0.0.1:3000", true},
		{"localhost:1", TCP, "localhost:1", true},
		{"[::1]:65535", TCP, "[::1]:65535", true},
		{"[::ffff:127.0.0.1]:1", TCP, "[::ffff:127.0.0.1]:1", true},
		{":3000", TCP, "127.0.0.1:3000", false},
		{"0.0.0.0:1", TCP, "127.0.0.1:1", false},
		{"[::]:1", TCP, "127.0.0.1:1", false},
		{"127.0.0.1:0", TCP, "", true},
		{"a.example:443", TCP, "a.example:443", false},
		{"unix:/run/a.sock", Unix, "/run/a.sock", true},
		{"unix:/" + strings.Repeat("a", maxPath-1), Unix, "/" + strings.Repeat("a", maxPath-1), true},
		{"systemd", Systemd, "", false},
		{"systemd:web", Systemd, "", false},
		{"systemd:1", Systemd, "", false},
	} {
		e, err := Parse(test.text)
		if err != nil || e.Network != test.network || e.IsLocal() != test.local {
			t.Errorf("%s: %+v, local %v, %v", test.text, e, e.IsLocal(), err)
		}
		if _, address, known := e.Dial(); known != (test.dial != "") || known && address != test.dial {
			t.Errorf("%s is reached at %q, %v", test.text, address, known)
		}
	}
	for _, text := range []string{
		"", "a", ":", "a:", "127.0.0.1", ":65536", ":-1", ":+1", ":01", ":http", "a b:1", "http://a:1", "[::1:1",
		"unix:", "unix:a", "unix:./a", "unix:/", "unix:/a/", "unix:/a/../b", "unix:/a\x00", "unix:/" + strings.Repeat("a", maxPath), "unix:@a",
		"systemd:a/b", "systemd:a b", "systemd:a:b",
	} {
		if e, err := Parse(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, e)
		}
	}
}

package httpjson

import (
	"net/http"
	"runtime/debug"
	"strings"
)

func setDefault(header http.Header, name, value string) {
	if _, set := header[name]; !set && value != "" {
		header.Set(name, value)
	}
}

// userAgent names the program as RFC 9110 section 10.1.5 has it.
func userAgent() string {
	const module = "github.com/polluxhub/pollux"
	name := "pollux"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if version, found := strings.CutPrefix(m.Version, "v"); found && m.Path == module {
				name += "/" + version
			}
		}
	}
	return name + " (+https://" + module + ")"
}

// isToken reports whether s can be the name of a header (RFC 9110 section
// 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// isFieldValue reports whether s can be the value of a header (RFC 9110 section
// 5.5): no control characters, so that it cannot begin another one.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return true
}

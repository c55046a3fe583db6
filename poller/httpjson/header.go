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

const module = "github.com/polluxhub/pollux"

// UserAgent returns the value of User-Agent (RFC 9110 section 10.1.5) for a version of
// the program, with the address of the project: some upstreams refuse clients that do
// not send one. A version that is not valid there, such as "(devel)", is left out.
func UserAgent(version string) string {
	name := "pollux"
	if version = strings.TrimPrefix(version, "v"); isToken(version) {
		name += "/" + version
	}
	return name + " (+https://" + module + ")"
}

// userAgent returns the User-Agent for the version that the build knows.
func userAgent() string {
	var found string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if strings.HasPrefix(m.Version, "v") && m.Path == module {
				found = m.Version
			}
		}
	}
	return UserAgent(found)
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
// 5.5). It has no control characters, so it cannot start another header.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return true
}

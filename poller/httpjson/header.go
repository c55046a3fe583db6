package httpjson

import (
	"net/http"
	"runtime/debug"
	"strings"

	"golang.org/x/net/http/httpguts"
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
	if version = strings.TrimPrefix(version, "v"); httpguts.ValidHeaderFieldName(version) {
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

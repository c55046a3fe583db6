package httpjson

import (
	"fmt"
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
// the program, with the address of the project and a contact: some upstreams refuse
// clients that do not send one. A version that is not valid there, such as "(devel)", is
// left out, and so is an empty contact. See CheckContact.
func UserAgent(version, contact string) string {
	name := "pollux"
	if version = strings.TrimPrefix(version, "v"); httpguts.ValidHeaderFieldName(version) {
		name += "/" + version
	}
	if contact != "" {
		contact = "; " + contact
	}
	return name + " (+https://" + module + contact + ")"
}

// mostContact is the length of the longest contact, in bytes.
const mostContact = 200

// CheckContact returns nil for a text that UserAgent can put into a comment (RFC 9110
// section 5.6.5).
func CheckContact(text string) error {
	if text == "" || len(text) > mostContact || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`()\`, r) }) {
		return fmt.Errorf("want 1 to %d ASCII characters, none of them ( ) or \\, for example an address for mail", mostContact)
	}
	return nil
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
	return UserAgent(found, "")
}

package httpjson

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"runtime/debug"
	"strings"

	"golang.org/x/net/http/httpguts"
)

func setDefault(header http.Header, name, value string) {
	if _, set := header[name]; !set && value != "" {
		header.Set(name, value)
	}
}

// HeaderFile is where the value of a header is: after Prefix, the content of a file without
// the white space around it.
type HeaderFile struct {
	Path   string
	Prefix string
}

// openHeaderFiles reads the files of Options.HeaderFiles.
func (o Options) openHeaderFiles() (map[string]*fresh[string], error) {
	files := make(map[string]*fresh[string])
	var errs []error
	for name, of := range o.HeaderFiles {
		if !httpguts.ValidHeaderFieldName(name) || IsReserved(name) {
			errs = append(errs, fmt.Errorf("httpjson: header %q cannot be set", name))
			continue
		}
		file, err := newFresh(func(texts [][]byte) (string, error) {
			value := strings.TrimSpace(string(texts[0]))
			if value == "" || !httpguts.ValidHeaderFieldValue(value) {
				return "", errors.New("want a value of a header")
			}
			return of.Prefix + value, nil
		}, of.Path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		files[textproto.CanonicalMIMEHeaderKey(name)] = file
	}
	return files, errors.Join(errs...)
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

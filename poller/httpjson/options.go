package httpjson

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
)

// DefaultMaxBody is the limit on the body unless Options say otherwise: 1 MiB.
const DefaultMaxBody = 1 << 20

// maxMaxBody keeps a mistyped limit from being none: 1 GiB.
const maxMaxBody = 1 << 30

// Options say what to get and how. New copies them.
type Options struct {
	// URL is an absolute http or https URL. A user and password in it are sent
	// as Basic authentication (RFC 7617). A fragment is not sent. Required.
	URL string

	// Header is sent with every request. Host is allowed; headers by which
	// HTTP itself or the check for changes works are not.
	Header http.Header

	// MaxBody bounds the body, unpacked and before white space is removed, in
	// bytes. 0 means DefaultMaxBody; the most is 1 GiB.
	MaxBody int64

	// UserAgent names the program unless Header does. Empty means "pollux/",
	// the version if known, and where to learn more.
	UserAgent string

	// Transport carries the requests. It must not follow redirects or unpack
	// bodies itself, and bounds the headers of a response as it likes. Nil means
	// one of the Source's own, which Close closes.
	Transport http.RoundTripper
}

// reserved are the headers that cannot be configured.
var reserved = []string{
	"Connection", "Content-Length", "Expect", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
	"If-Unmodified-Since", "Keep-Alive", "Proxy-Connection", "Range", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// check returns the URL without user and all headers, or everything that is
// wrong. Values are not quoted: they may be secrets.
func (o Options) check() (*url.URL, http.Header, error) {
	target, err := parseURL(o.URL)
	errs := []error{err}
	header := http.Header{}
	for name, values := range o.Header {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !isToken(name):
			errs = append(errs, fmt.Errorf("httpjson: header name %q, want letters, digits and '-'", name))
		case slices.Contains(reserved, canonical):
			errs = append(errs, fmt.Errorf("httpjson: header %s cannot be set", canonical))
		case slices.ContainsFunc(values, func(v string) bool { return !isFieldValue(v) }):
			errs = append(errs, fmt.Errorf("httpjson: the value of header %s has a control character", canonical))
		}
		header[canonical] = append(header[canonical], values...)
	}
	if o.MaxBody < 0 || o.MaxBody > maxMaxBody {
		errs = append(errs, fmt.Errorf("httpjson: MaxBody is %d, want 1 to %d, or 0 for %d", o.MaxBody, maxMaxBody, DefaultMaxBody))
	}
	if !isFieldValue(o.UserAgent) {
		errs = append(errs, errors.New("httpjson: UserAgent has a control character"))
	}
	if target != nil && target.User != nil {
		if header.Get("Authorization") != "" {
			errs = append(errs, errors.New("httpjson: both a user in the URL and a header Authorization"))
		}
		password, _ := target.User.Password()
		pair := target.User.Username() + ":" + password
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
		target.User = nil
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	setDefault(header, "Accept", "application/json, */*;q=0.5")
	setDefault(header, "Accept-Encoding", "gzip")
	setDefault(header, "User-Agent", o.UserAgent)
	setDefault(header, "User-Agent", userAgent())
	return target, header, nil
}

// parseURL returns nil and why, if text is no URL to get.
func parseURL(text string) (*url.URL, error) {
	const example = "want for example https://api.example.com/prices"
	target, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("httpjson: no URL, " + example)
	case err != nil: // which quotes it
		return nil, errors.New("httpjson: the URL cannot be parsed, " + example)
	case target.Scheme != "http" && target.Scheme != "https":
		return nil, errors.New("httpjson: the URL is neither http nor https, " + example)
	case target.Hostname() == "":
		return nil, errors.New("httpjson: the URL has no host, " + example)
	}
	return target, nil
}

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

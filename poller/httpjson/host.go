package httpjson

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// CheckHost returns nil for a valid HOST or HOST:PORT, as in Options.RedirectHosts and
// in the header Host. Its error does not quote the text.
func CheckHost(text string) error {
	host := text
	name, port, err := net.SplitHostPort(text)
	if err == nil {
		host = name
		if !isPort(port) {
			host = ""
		}
	}
	switch _, err := netip.ParseAddr(strings.Trim(host, "[]")); {
	case err == nil && strings.Count(text, ":") > 1 && text[0] != '[':
		return errors.New("want an IPv6 address in brackets, such as [::1] or [::1]:8080")
	case err != nil && !isHostname(host):
		return errors.New("want HOST or HOST:PORT, for example cdn.example.com")
	}
	return nil
}

// parseHost returns a URL with only a host and a port.
func parseHost(text string) (*url.URL, error) {
	if err := CheckHost(text); err != nil {
		return nil, err
	}
	return &url.URL{Host: text}, nil
}

// isHostname reports whether name has the form of RFC 1123 section 2.1. Names
// inside clusters may also have '_'.
func isHostname(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(strings.ToLower(label)) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return len(name) <= 253
}

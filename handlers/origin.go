package handlers

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/polluxhub/pollux/internal/endpoint"
)

// anyOrigin stands for all origins in Options.AllowOrigins.
const anyOrigin = "*"

// origin is the origin of a page, in the parts that RFC 6454 compares, as browsers
// serialise them: in lower case, without a default port.
type origin struct {
	scheme string // http or https
	host   string // as in a URL: an IPv6 address has brackets
	port   string // "" for the default port
}

// defaultPorts are the ports that an origin leaves out.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// errInvalidOrigin is the error for a text that does not resemble an origin.
var errInvalidOrigin = errors.New("want an origin such as https://example.com, or *")

// CheckOrigin returns nil for a valid entry of Options.AllowOrigins: an asterisk, or
// an origin that a browser can send. Its error describes a valid entry.
func CheckOrigin(text string) error {
	if text == anyOrigin {
		return nil
	}
	_, err := parseOrigin(text)
	return err
}

// parseOrigin parses an origin. Its error describes a valid one.
func parseOrigin(text string) (origin, error) {
	if text == "null" {
		return origin{}, errors.New("want * or an origin such as https://example.com: null is what every sandboxed page is, and every file")
	}
	scheme, rest, found := strings.Cut(text, "://")
	o := origin{scheme: strings.ToLower(scheme)}
	switch end := strings.IndexAny(rest, "/?#"); {
	case !found || rest == "" || end == 0 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }):
		return origin{}, errInvalidOrigin
	case defaultPorts[o.scheme] == "":
		return origin{}, errors.New("want an origin that begins with https:// or http://")
	case strings.Contains(rest, "*"):
		return origin{}, errors.New("want each origin by itself, or * alone for all: there are no patterns")
	case end >= 0:
		return origin{}, fmt.Errorf("want no more than %s://HOST or %s://HOST:PORT: an origin has no path, and no slash at its end", o.scheme, o.scheme)
	case strings.Contains(rest, "@"):
		return origin{}, fmt.Errorf("want no more than %s://HOST or %s://HOST:PORT: an origin has no user", o.scheme, o.scheme)
	}
	host, port, err := splitPort(rest)
	if err != nil {
		return origin{}, err
	}
	if port != defaultPorts[o.scheme] {
		o.port = port
	}
	o.host, err = parseHost(strings.ToLower(host))
	return o, err
}

// splitPort splits a host from its port. The port loses leading zeros, and is "" if
// the text has none.
func splitPort(text string) (host, port string, err error) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 || strings.HasSuffix(text, "]") {
		return text, "", nil
	}
	n, err := strconv.ParseUint(text[colon+1:], 10, 16)
	if err != nil || n == 0 {
		return "", "", errors.New("want a port from 1 to 65535, or none")
	}
	return text[:colon], strconv.FormatUint(n, 10), nil
}

// parseHost returns a host in lower case, as browsers write it.
func parseHost(host string) (string, error) {
	if inside, found := strings.CutPrefix(host, "["); found {
		inside, closed := strings.CutSuffix(inside, "]")
		address, err := netip.ParseAddr(inside)
		if err != nil || !closed || !address.Is6() || address.Zone() != "" {
			return "", errors.New("want an IPv6 address between brackets, such as http://[::1]:8080")
		}
		return "[" + address.String() + "]", nil
	}
	if slices.ContainsFunc([]byte(host), func(c byte) bool { return c >= 0x80 }) {
		return "", errors.New("want the host as browsers send it, which is in ASCII and begins with xn--")
	}
	if host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" || strings.Contains(host, "..") || host[0] == '.' {
		return "", errInvalidOrigin
	}
	// A host whose last label is a number must be an IPv4 address (WHATWG URL 3.5).
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		if _, err := netip.ParseAddr(host); err != nil {
			return "", errors.New("want an IPv4 address as four numbers, such as http://192.0.2.1")
		}
	}
	return host, nil
}

// isLoopback reports whether the page was served by this machine.
func (o origin) isLoopback() bool { return endpoint.IsLoopback(strings.Trim(o.host, "[]")) }

// origins are the allowed origins.
type origins struct {
	all      bool
	loopback bool // each loopback origin
	listed   map[origin]bool
}

// newOrigins parses Options.AllowOrigins. Its error names each invalid entry.
func newOrigins(allowed []string, loopback bool) (origins, error) {
	o := origins{loopback: loopback, listed: make(map[origin]bool)}
	var errs []error
	for _, text := range allowed {
		if text == anyOrigin {
			o.all = true
			continue
		}
		one, err := parseOrigin(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("handlers: %q in AllowOrigins: %w", text, err))
		}
		o.listed[one] = true
	}
	return o, errors.Join(errs...)
}

// none reports whether no other origin is allowed.
func (o origins) none() bool { return !o.all && !o.loopback && len(o.listed) == 0 }

// allow reports whether a page with this Origin can read. A browser sends exactly one
// Origin.
func (o origins) allow(field []string) bool {
	if len(field) != 1 {
		return false
	}
	one, err := parseOrigin(field[0])
	return err == nil && (o.listed[one] || o.loopback && one.isLoopback())
}

// lists reports whether an origin is one of those that are listed by themselves.
func (o origins) lists(text string) bool {
	one, err := parseOrigin(text)
	return err == nil && o.listed[one]
}

package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
	"github.com/polluxhub/pollux/poller/reshape"
)

// address returns HOST:PORT. That of admin_listen is not for others.
func (t *table) address(key string) *string {
	v, ok := t.text(key)
	if !ok {
		return nil
	}
	check := CheckListen
	if key == "admin_listen" {
		check = CheckAdminListen
	}
	if err := check(v.text); err != nil {
		t.wrong(v, "%v", err)
		return nil
	}
	return &v.text
}

// CheckListen says what is wrong with an address to listen at.
func CheckListen(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil || strings.ContainsAny(host, "/ ") || port == "" {
		return errors.New("want HOST:PORT, for example 127.0.0.1:3000, or :3000 for all interfaces")
	}
	return checkPort(port)
}

// CheckAdminListen is CheckListen for an address that is not for others.
func CheckAdminListen(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil || port == "" || !handlers.IsLoopback(host) {
		return errors.New("want HOST:PORT of this machine alone, for example 127.0.0.1:3001")
	}
	return checkPort(port)
}

// checkPort judges the port of an address to listen at, where 0 is a free one.
func checkPort(port string) error {
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(number, 10) != port {
		return errors.New("want a port from 1 to 65535, or 0 for one that is free")
	}
	return nil
}

// CheckBoth says what is wrong with two addresses to listen at that are right each by
// itself: one of them would be taken.
func CheckBoth(listen, admin string) error {
	host, port, _ := net.SplitHostPort(listen)
	adminHost, adminPort, _ := net.SplitHostPort(admin)
	if port != adminPort || port == "0" {
		return nil
	}
	everywhere := host == "" // in both families, as :: is
	if address, err := netip.ParseAddr(host); err == nil && address.IsUnspecified() {
		own, err := netip.ParseAddr(adminHost)
		everywhere = address.Is6() || err == nil && own.Is4()
	}
	if host != adminHost && !everywhere {
		return nil
	}
	return errors.New("want another port than that of listen, which is taken then")
}

// oneAddress refuses two addresses that are one.
func (t *table) oneAddress(c *Config) {
	if c.Listen == nil || c.AdminListen == nil {
		return
	}
	if err := CheckBoth(*c.Listen, *c.AdminListen); err != nil {
		t.wrong(value{node: t.values["admin_listen"], key: "admin_listen"}, "%v", err)
	}
}

// isToken judges a bearer token. RFC 6750 allows fewer characters; what others
// send is not ours to say.
func (r *reader) isToken(v value) bool {
	if strings.ContainsAny(v.text, " \t") || !httpguts.ValidHeaderFieldValue(v.text) {
		r.wrongSecret(v, "a token has neither spaces nor line breaks")
		return false
	}
	return true
}

// isURL judges a URL, which may carry a secret anywhere.
func (r *reader) isURL(v value, example string) bool {
	err := CheckURL(v.text, example)
	if err != nil {
		r.wrongSecret(v, "%v", err)
	}
	return err == nil
}

// CheckURL says what is wrong with a URL, without repeating any of it.
func CheckURL(text, example string) error {
	u, err := url.Parse(text)
	port := 1
	if err == nil && u.Port() != "" {
		port, err = strconv.Atoi(u.Port())
	}
	switch {
	case err != nil || strings.ContainsAny(text, " \t") || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return errors.New("want an absolute http or https URL with a host, for example " + example)
	case port < 1 || port > 65535:
		return errors.New("want a port from 1 to 65535, or none")
	case strings.Contains(text, "#"):
		return errors.New("has a #fragment, which is never sent; # itself is %23")
	}
	return nil
}

// MaskURL returns a URL, right or wrong, without what is secret in many: the user, and
// the values of the query.
func MaskURL(text string) string {
	text, fragment, hasFragment := strings.Cut(text, "#")
	text, query, hasQuery := strings.Cut(text, "?")
	scheme, rest, hasScheme := strings.Cut(text, "//")
	if !hasScheme {
		scheme, rest = "", text
	} else {
		scheme += "//"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = mask + rest[at:]
	}
	text = scheme + rest
	if hasQuery {
		pairs := strings.Split(query, "&")
		for i, pair := range pairs {
			name, _, found := strings.Cut(pair, "=")
			if found {
				pairs[i] = name + "=" + mask
			} else if pair != "" {
				pairs[i] = mask
			}
		}
		text += "?" + strings.Join(pairs, "&")
	}
	if hasFragment && fragment != "" {
		text += "#" + mask
	}
	return text
}

// mask stands for what is not shown.
const mask = "***"

// isHost judges HOST or HOST:PORT.
func (r *reader) isHost(v value) bool {
	err := httpjson.CheckHost(v.text)
	if err != nil {
		r.wrong(v, "%v", err)
	}
	return err == nil
}

// isPointer judges a JSON Pointer (RFC 6901 section 3) to a part of a document.
func (r *reader) isPointer(v value, example string) bool {
	if _, err := document.ParsePointer(v.text); err != nil {
		r.wrong(v, "want a JSON Pointer, for example %s; a ~ in a name is ~0, a / is ~1", example)
		return false
	}
	return true
}

// isProgram judges a jq program as whoever runs it does. What is said of it may
// quote it.
func (r *reader) isProgram(v value) bool {
	err, known := r.programs[v.text]
	if !known {
		_, err = reshape.New(v.text, reshape.Options{})
		r.programs[v.text] = err
	}
	switch {
	case err == nil:
		return true
	case v.expanded || v.shared:
		r.wrongSecret(v, "no jq program")
	default:
		r.wrong(v, "no jq program: %s", cut(strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "reshape: ")))
	}
	return false
}

// isNoLinkLocal judges a network that upstreams may be in.
func (r *reader) isNoLinkLocal(v value, network netip.Prefix) bool {
	if guard.IsLinkLocal(network) {
		r.wrong(v, "link-local addresses are never allowed")
		return false
	}
	return true
}

// ParseNetwork returns the network that text names; a single address is one of one
// address. The error says what would be right.
func ParseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if address, e := netip.ParseAddr(text); e == nil && address.Zone() == "" {
		network, err = netip.PrefixFrom(address, address.BitLen()), nil
	}
	switch {
	case err != nil:
		err = errors.New("want a network such as 10.0.0.0/8, or an address")
	case network.Addr().Is4In6():
		err = errors.New("want an IPv4 address as such, for example 10.0.0.0/8")
	case network != network.Masked():
		err = errors.New("want the network itself: its first address, and after the / how long it is")
	}
	return network, err
}

// networks returns a list of networks. isRight judges each of them further, unless
// it is nil.
func (t *table) networks(key string, isRight func(v value, network netip.Prefix) bool) []netip.Prefix {
	var prefixes []netip.Prefix
	entries := t.list(key, maxEntries, func(v value) bool {
		network, err := ParseNetwork(v.text)
		if err != nil {
			t.wrong(v, "%v", err)
			return false
		}
		if isRight != nil && !isRight(v, network) {
			return false
		}
		prefixes = append(prefixes, network)
		return true
	})
	if entries != nil && prefixes == nil {
		prefixes = []netip.Prefix{}
	}
	return prefixes
}

package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/markup"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/beside"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
	"github.com/polluxhub/pollux/internal/endpoint"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
	"github.com/polluxhub/pollux/poller/httpsse"
	"github.com/polluxhub/pollux/poller/reshape"
)

// checks are the checks that the tag is:"KIND" names. Their errors describe a valid
// value, and quote nothing that may be secret. The rest is in languages.
var checks = map[string]func(s *Setting, text string) error{
	"listen":   func(_ *Setting, text string) error { return checkListen(text) },
	"origin":   func(_ *Setting, text string) error { return handlers.CheckOrigin(text) },
	"hostname": func(_ *Setting, text string) error { return handlers.CheckHost(text) },
	"host":     func(_ *Setting, text string) error { return httpjson.CheckHost(text) },
	"url":      func(s *Setting, text string) error { return CheckURL(text, s.Example) },
	"proxy":    checkProxy,
	"template": checkTemplate,
	"follow":   func(s *Setting, text string) error { return checkFollow(text, s.Example) },
	"token":    func(_ *Setting, text string) error { return checkToken(text) },
	"pointer":  checkPointer,
	"server":   func(_ *Setting, text string) error { return httpjson.CheckServerName(text) },
	"charset":  func(_ *Setting, text string) error { return httpjson.CheckCharset(text) },
	"prefix":   func(_ *Setting, text string) error { return httpjson.CheckPrefix(text) },
	"event":    func(_ *Setting, text string) error { return httpsse.CheckEvent(text) },
	"contact":  func(_ *Setting, text string) error { return httpjson.CheckContact(text) },
	"scope":    func(_ *Setting, text string) error { return httpjson.CheckScope(text) },
	"status":   func(_ *Setting, text string) error { return checkStatus(text) },
	"mode":     func(_ *Setting, text string) error { return checkMode(text) },
	"domain":   func(_ *Setting, text string) error { return checkDomain(text) },
	"path":     func(_ *Setting, text string) error { return checkPath(text) },
	"network":  func(_ *Setting, text string) error { _, err := ParseNetwork(text); return err },

	"nats":           func(_ *Setting, text string) error { return beside.CheckURL(text) },
	"nats-stream":    func(_ *Setting, text string) error { return natslog.CheckName(text) },
	"node":           func(_ *Setting, text string) error { return pollux.CheckNode(text) },
	"cluster-listen": func(_ *Setting, text string) error { return embedded.CheckClusterListen(text) },
	"route":          func(_ *Setting, text string) error { return embedded.CheckRoute(text) },

	"jwks":          checkJWKS,
	"jwt-secret":    func(_ *Setting, text string) error { return checkSecret(text) },
	"jwt-key":       func(_ *Setting, text string) error { return checkPublicKey(text) },
	"static-tokens": func(_ *Setting, text string) error { return checkStatic(text) },

	"endpoint": func(s *Setting, text string) error { return httpjson.CheckEndpoint(text, s.Example) },

	"private-network": func(_ *Setting, text string) error { return checkPrivateNetwork(text) },
}

// checkPath checks the path of a file, which need not exist.
func checkPath(text string) error {
	if strings.ContainsRune(text, 0) || strings.HasSuffix(text, "/") {
		return errors.New("want the path of a file")
	}
	return nil
}

// checkDomain checks a name that an authority can have a certificate for.
func checkDomain(text string) error {
	_, addressErr := netip.ParseAddr(text)
	if addressErr == nil || !strings.Contains(strings.Trim(text, "."), ".") || strings.ContainsAny(text, ":*") || httpjson.CheckHost(text) != nil {
		return errors.New("want a name such as live.example.com, without a port and without *")
	}
	return nil
}

// Addresses parses a list of addresses to listen at, as a flag has it.
func Addresses(text string) (addresses []string, err error) {
	for address := range strings.SplitSeq(text, ",") {
		if err := checkListen(address); err != nil {
			return nil, err
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

// checkListen checks an address to listen at.
func checkListen(text string) error {
	_, err := endpoint.Parse(text)
	return err
}

// checkStatus checks a status whose body is a document.
func checkStatus(text string) error {
	status, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(status) != text {
		status = 0
	}
	return httpjson.CheckStatus(status)
}

// checkMode checks the mode of a socket: octal digits, as for chmod.
func checkMode(text string) error {
	if mode, err := strconv.ParseUint(text, 8, 32); err != nil || mode > 0o777 || len(text) != len("0660") {
		return errors.New("want four octal digits, for example 0660")
	}
	return nil
}

// CheckBoth returns an error if two valid addresses cannot be listened at together.
func CheckBoth(listen, admin string) error {
	taken := errors.New("want another address than that of listen")
	if listen == admin && !strings.HasSuffix(listen, ":0") {
		return taken
	}
	for _, text := range []string{listen, admin} {
		if at, _ := endpoint.Parse(text); at.Network != endpoint.TCP {
			return nil
		}
	}
	host, port, _ := net.SplitHostPort(listen)
	adminHost, adminPort, _ := net.SplitHostPort(admin)
	if port != adminPort || port == "0" {
		return nil
	}
	everywhere := host == "" // in both address families, like ::
	if address, err := netip.ParseAddr(host); err == nil && address.IsUnspecified() {
		own, err := netip.ParseAddr(adminHost)
		everywhere = address.Is6() || err == nil && own.Is4()
	}
	if host != adminHost && !everywhere {
		return nil
	}
	return errors.New("want a port other than that of listen")
}

// twoAddresses refuses an address for administration that is one of listen.
func (t *table) twoAddresses(c *Config) {
	if c.AdminListen == nil {
		return
	}
	for _, listen := range c.Listen {
		if err := CheckBoth(listen, *c.AdminListen); err != nil {
			t.wrong(value{node: t.values["admin_listen"], key: "admin_listen"}, "%v", err)
			return
		}
	}
}

// checkToken checks a bearer token. RFC 6750 allows fewer characters, but upstreams
// choose their own tokens.
func checkToken(text string) error {
	if strings.ContainsAny(text, " \t") || !httpguts.ValidHeaderFieldValue(text) {
		return errors.New("a token has neither spaces nor line breaks")
	}
	return nil
}

// CheckURL returns nil for a valid URL. Its error quotes nothing of the URL.
func CheckURL(text, example string) error {
	if err := httpjson.CheckURL(text, example); err != nil {
		return err
	}
	if strings.Contains(text, "#") {
		return errors.New("has a #fragment, which is never sent; # itself is %23")
	}
	return nil
}

// noProxy is the value of proxy for none.
const noProxy = "none"

// checkProxy checks the URL of a proxy.
func checkProxy(s *Setting, text string) error {
	if text == noProxy {
		return nil
	}
	return CheckURL(text, s.Example)
}

// proxyOf returns the first of the values of proxy that is set. The
// result is not set if that value says that there is no proxy.
func proxyOf(values ...Secret) Secret {
	for _, value := range values {
		if value.IsSet() && value.Reveal() != noProxy {
			return value
		} else if value.IsSet() {
			break
		}
	}
	return Secret{}
}

// checkFollow checks the URL of another Pollux.
func checkFollow(text, example string) error {
	if err := CheckURL(text, example); err != nil {
		return err
	}
	if u, err := url.Parse(text); err != nil || u.User != nil || u.RawQuery != "" {
		return errors.New("want no user and no query; a token is in follow_token_file")
	}
	return nil
}

// checkTemplate checks a URL that may have places for keys, see table.places.
func checkTemplate(s *Setting, text string) error {
	return CheckURL(strings.NewReplacer("{", "", "}", "").Replace(text), s.Example)
}

// MaskURL returns a valid or invalid URL without the parts that are often secret: the
// user, the values of the query and the fragment.
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

// mask replaces each secret part.
const mask = "***"

// checkPointer checks a JSON Pointer (RFC 6901 section 3) to a part of a document.
func checkPointer(s *Setting, text string) error {
	if _, err := document.ParsePointer(text); err != nil {
		return fmt.Errorf("want a JSON Pointer, for example %s; a ~ in a name is ~0, a / is ~1", s.Example)
	}
	return nil
}

// checkPrivateNetwork checks a network of upstreams.
func checkPrivateNetwork(text string) error {
	network, err := ParseNetwork(text)
	if err == nil && guard.IsLinkLocal(network) {
		err = errors.New("link-local addresses are never allowed")
	}
	return err
}

// language is a language in which a value is written, and the package that runs it.
type language struct {
	wrong  string // what is said of a text that cannot be compiled
	origin string // the name of the package, which is left out of errors
	most   int    // characters of an error, where it is what a person needs; 0 for as many as are quoted of a text
	check  func(text string) error
}

// languages are those that the tag is:"KIND" names.
var languages = map[string]language{
	"program": {"not a jq program", "reshape: ", 0, func(text string) error {
		_, err := reshape.New(text, reshape.Options{})
		return err
	}},
	"split": {"not a jq program", "reshape: ", 0, func(text string) error {
		_, err := reshape.NewSplit(text, reshape.Options{})
		return err
	}},
	"markup": {"not a template", "markup: ", 300, func(text string) error {
		_, err := markup.New(text, markup.Options{})
		return err
	}},
	"key-pattern": {"not a pattern of keys", "hub: ", 0, func(text string) error {
		_, err := hub.NewKeyPattern(text)
		return err
	}},
}

// compiled is a text in a language.
type compiled struct{ is, text string }

// compile checks a text in one of the languages. The error may quote the text.
func (r *reader) compile(is string, v value) error {
	in := languages[is]
	err, known := r.compiled[compiled{is, v.text}]
	if !known {
		err = in.check(v.text)
		r.compiled[compiled{is, v.text}] = err
	}
	switch {
	case err == nil:
		return nil
	case v.expanded || v.shared:
		return errors.New(in.wrong)
	default:
		why := strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), in.origin)
		if in.most > 0 {
			return fmt.Errorf("%s: %s", in.wrong, cutAt(why, in.most))
		}
		return fmt.Errorf("%s: %s", in.wrong, cut(why))
	}
}

// ParseNetwork parses a network. A single address means a network of one address. The
// error describes a valid network.
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
		err = errors.New("want the first address of the network before the /")
	}
	return network, err
}

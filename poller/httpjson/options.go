package httpjson

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// DefaultMaxBody is the limit on the body unless Options say otherwise: as much as the
// hub accepts by default.
const DefaultMaxBody = hub.DefaultMaxData

// maxMaxBody bounds Options.MaxBody: 1 GiB. A larger one is probably a typing error.
const maxMaxBody = 1 << 30

// maxRequestBody bounds Options.Body: 1 MiB.
const maxRequestBody = 1 << 20

// Options configure a Source. New copies them.
type Options struct {
	// URL is an absolute http or https URL. A user and password in it are sent
	// as Basic authentication (RFC 7617). A fragment is not sent. Required.
	URL string

	// Method is one of Methods. Empty means GET.
	Method string

	// Body is the body of a POST, at most 1 MiB, for example a GraphQL query. Its
	// Content-Type is application/json unless Header says otherwise.
	Body []byte

	// Header is sent with each request to the host of URL. Host is allowed, and the
	// names of IsReserved are not.
	Header http.Header

	// HeaderFiles are headers whose values are in files, by name, in place of those in
	// Header. A file is read again before a request if it has changed, or if the answer to
	// the request before was 401 or 403. A file that is wrong then changes nothing.
	HeaderFiles map[string]HeaderFile

	// OAuth2 says how to get a token that is sent with each request to the host of URL. It
	// excludes a header Authorization, and a user in URL. The zero value means none.
	OAuth2 OAuth2

	// Login is a request that is sent first, whose cookies are sent with the others. It
	// excludes OAuth2. The zero value means none.
	Login Login

	// Cookies keeps the cookies that answers set, as long as the Source lives, and sends them
	// to the hosts that they are for, redirects included (RFC 6265): at most 50 with 16 KiB
	// of names and values, each of 4 KiB at most. At the bounds, the one that was set longest
	// ago is dropped. True if there is a Login. By default there are none: an answer then
	// depends on nothing but what is configured.
	Cookies bool

	// Propagate adds headers to each request to the host of URL that tell it of the trace
	// that the context of Fetch belongs to. Nil adds none.
	Propagate func(ctx context.Context, header http.Header)

	// RedirectHosts are other hosts to which a redirect may lead: each is HOST, for
	// the default port of the scheme, or HOST:PORT. They receive neither Header nor
	// Body. IPv6 addresses are written in brackets.
	RedirectHosts []string

	// Respect lists the hints that put off the next fetch. Nil means all but
	// HintMaxAge; empty means none.
	Respect []Hint

	// MaxBody bounds the body, unpacked and before white space is removed, in
	// bytes. 0 means DefaultMaxBody; the most is 1 GiB.
	MaxBody int64

	// AcceptStatus are further statuses whose bodies are documents, see CheckStatus: that
	// of a health endpoint, for example, which sends its document with 503 as well.
	AcceptStatus []int

	// Format is what bodies are. Empty means FormatJSON. MaxBody also bounds what becomes of
	// them.
	Format Format

	// Charset is the encoding of bodies, see CheckCharset. Empty means UTF-8, or what
	// Content-Type says of a body that is not UTF-8.
	Charset string

	// StripPrefix is removed from bodies that begin with it, for example ")]}'", which some
	// servers send against inclusion as a script. See CheckPrefix.
	StripPrefix string

	// UserAgent is the User-Agent unless Header has one. Empty means that of the
	// function UserAgent.
	UserAgent string

	// TLS says which certificates the host of URL may have, see there.
	TLS TLS

	// Proxy is the http or https URL of a proxy, with user and password if it needs
	// them. The guard checks the address of the proxy; it cannot check the addresses
	// to which the proxy connects. Empty means no proxy, whatever the environment
	// says.
	Proxy string

	// DenyPrivate refuses private addresses, loopback included, except those in
	// AllowPrivate. See package guard for the addresses that are always refused.
	DenyPrivate  bool
	AllowPrivate []netip.Prefix

	// Resolver and Dial replace the network beneath the guard, see
	// guard.Options. Nil means the real one.
	Resolver guard.Resolver
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)

	// Parallel is how many connections a Keyed keeps for its next requests: as many as
	// are in flight at a time. 0 means 1. It has no effect on a Source, or with Transports.
	Parallel int

	// Places bounds the open connections of all Sources that share it, see
	// guard.Options. Nil means no bound.
	Places *guard.Places

	// Transports share connections with other Sources, see there. They exclude Resolver,
	// Dial and Places. Nil means connections of its own.
	Transports *Transports

	// Transport carries the requests. It must not follow redirects or unpack
	// bodies, and chooses its own bound on the headers of a response. It excludes
	// the guard, and the options from Proxy on. Nil means a transport that belongs
	// to the Source, which Close closes.
	Transport http.RoundTripper
}

var methods = []string{http.MethodGet, http.MethodPost}

// Methods returns every method that Options.Method may have.
func Methods() []string { return slices.Clone(methods) }

// reserved are the headers that cannot be configured, because HTTP itself or the check
// for changes depends on them.
var reserved = []string{
	"Connection", "Content-Length", "Expect", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
	"If-Unmodified-Since", "Keep-Alive", "Proxy-Connection", "Range", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// IsReserved reports whether Options.Header must not have a header of this name, in
// any case of letters.
func IsReserved(name string) bool {
	return slices.Contains(reserved, textproto.CanonicalMIMEHeaderKey(name))
}

// checked is the result of checking Options.
type checked struct {
	url           *url.URL // without user
	method        string
	header        http.Header // for the host of url
	plain         http.Header // for every other host
	redirectHosts []*url.URL
	proxy         *url.URL                  // or nil
	secrets       []string                  // see secretsOf
	files         map[string]*fresh[string] // with values of header, by canonical name
	grant         *grant                    // or nil
	entry         *entry                    // or nil
}

// defaultAccept is the Accept of requests whose header has none.
const defaultAccept = "application/json, */*;q=0.5"

// check returns the checked options, or an error that names all mistakes. It does not
// quote values that may be secrets.
func (o Options) check() (checked, error) {
	c := checked{method: cmp.Or(o.Method, http.MethodGet), plain: http.Header{}}
	errs := make([]error, 8)
	c.url, errs[0] = parseURL(o.URL)
	c.header, errs[1] = o.checkHeader(c.url)
	c.redirectHosts, errs[2] = o.checkRedirectHosts()
	c.proxy, errs[3] = o.checkNetwork()
	errs[4] = o.checkRequest(c.method)
	c.files, errs[5] = o.openHeaderFiles()
	c.grant, errs[6] = o.checkOAuth2()
	c.entry, errs[7] = o.checkLogin()
	if err := errors.Join(errs...); err != nil {
		return checked{}, err
	}
	c.secrets = secretsOf(c.url, c.header, o.Body)
	c.url.User = nil // which is in the header
	for _, header := range []http.Header{c.header, c.plain} {
		setDefault(header, "Accept", defaultAccept)
		setDefault(header, "Accept-Encoding", "gzip")
		setDefault(header, "User-Agent", o.UserAgent)
		setDefault(header, "User-Agent", userAgent())
	}
	return c, nil
}

// checkHeader returns the header for the host of target, including its user, or the
// mistakes in the options about headers.
func (o Options) checkHeader(target *url.URL) (http.Header, error) {
	var errs []error
	header := http.Header{}
	for name, values := range o.Header {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			errs = append(errs, fmt.Errorf("httpjson: header name %q, want letters, digits and '-'", name))
		case IsReserved(name):
			errs = append(errs, fmt.Errorf("httpjson: header %s cannot be set", canonical))
		case slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }):
			errs = append(errs, fmt.Errorf("httpjson: the value of header %s has a control character", canonical))
		}
		if canonical == "Host" && !isHost(values) {
			errs = append(errs, errors.New("httpjson: the value of header Host is not HOST or HOST:PORT"))
		}
		header[canonical] = append(header[canonical], values...)
	}
	if !httpguts.ValidHeaderFieldValue(o.UserAgent) {
		errs = append(errs, errors.New("httpjson: UserAgent has a control character"))
	}
	if target != nil && target.User != nil {
		if header.Get("Authorization") != "" {
			errs = append(errs, errors.New("httpjson: both a user in the URL and a header Authorization"))
		}
		password, _ := target.User.Password()
		pair := target.User.Username() + ":" + password
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	return header, errors.Join(errs...)
}

// checkRedirectHosts returns RedirectHosts as URLs, or the mistakes in them.
func (o Options) checkRedirectHosts() ([]*url.URL, error) {
	var errs []error
	var hosts []*url.URL
	for _, text := range o.RedirectHosts {
		host, err := parseHost(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("httpjson: RedirectHosts has %q: %w", text, err))
		}
		hosts = append(hosts, host)
	}
	return hosts, errors.Join(errs...)
}

// checkRequest returns the mistakes in the options about the request and its answer.
func (o Options) checkRequest(method string) error {
	var errs []error
	switch {
	case !slices.Contains(methods, method):
		errs = append(errs, fmt.Errorf("httpjson: Method is %q, want %s", o.Method, strings.Join(methods, " or ")))
	case method == http.MethodGet && len(o.Body) > 0:
		errs = append(errs, errors.New("httpjson: a Body with GET, want POST"))
	case len(o.Body) > maxRequestBody:
		errs = append(errs, fmt.Errorf("httpjson: Body has %d bytes, want at most %d", len(o.Body), maxRequestBody))
	}
	if o.MaxBody < 0 || o.MaxBody > maxMaxBody {
		errs = append(errs, fmt.Errorf("httpjson: MaxBody is %d, want 1 to %d, or 0 for %d", o.MaxBody, maxMaxBody, DefaultMaxBody))
	}
	if o.Format != "" && !slices.Contains(formats, o.Format) {
		errs = append(errs, fmt.Errorf("httpjson: Format is %q, want one of %q", o.Format, formats))
	}
	if o.StripPrefix != "" {
		if err := CheckPrefix(o.StripPrefix); err != nil {
			errs = append(errs, fmt.Errorf("httpjson: StripPrefix: %w", err))
		}
	}
	if o.Charset != "" {
		if err := CheckCharset(o.Charset); err != nil {
			errs = append(errs, fmt.Errorf("httpjson: Charset is %q: %w", o.Charset, err))
		}
	}
	for _, status := range o.AcceptStatus {
		if err := CheckStatus(status); err != nil {
			errs = append(errs, fmt.Errorf("httpjson: AcceptStatus has %d: %w", status, err))
		}
	}
	for _, hint := range o.Respect {
		if !slices.Contains(allHints, hint) {
			errs = append(errs, fmt.Errorf("httpjson: Respect has %q, want one of %q", hint, allHints))
		}
	}
	return errors.Join(errs...)
}

// checkNetwork returns the proxy, or the mistakes in the options about the network.
func (o Options) checkNetwork() (*url.URL, error) {
	var errs []error
	own := o.Proxy != "" || o.DenyPrivate || o.AllowPrivate != nil || o.Resolver != nil || o.Dial != nil || o.Places != nil || o.TLS != (TLS{})
	if o.Transport != nil && own {
		errs = append(errs, errors.New("httpjson: a Transport, and Proxy, TLS, DenyPrivate, AllowPrivate, Resolver, Dial or Places, which it would not obey"))
	}
	if o.Transports != nil && (o.Transport != nil || o.Resolver != nil || o.Dial != nil || o.Places != nil) {
		errs = append(errs, errors.New("httpjson: Transports, and Transport, Resolver, Dial or Places, which they would not obey"))
	}
	for _, prefix := range o.AllowPrivate {
		if !prefix.IsValid() || prefix.Addr().Is4In6() {
			errs = append(errs, fmt.Errorf("httpjson: AllowPrivate has %v, want for example 10.1.0.0/16 or fd12:3456::/32", prefix))
		}
	}
	if o.TLS != (TLS{}) {
		errs = append(errs, o.TLS.verify())
		if strings.HasPrefix(strings.ToLower(o.Proxy), "https:") {
			errs = append(errs, errors.New("httpjson: TLS and a Proxy with https, which the certificates would count for as well"))
		}
	}
	var proxy *url.URL
	if o.Proxy != "" {
		err := CheckURL(o.Proxy, "http://proxy.example.com:3128")
		if err == nil {
			proxy, err = url.Parse(o.Proxy)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("httpjson: Proxy: %w", err))
		}
	}
	return proxy, errors.Join(errs...)
}

// CheckStatus returns nil for a status that Options.AcceptStatus may have. Neither 204 nor
// 205 has a body, 206 has a part of one, and from 300 to 399 the document is elsewhere.
func CheckStatus(status int) error {
	if status < 200 || status > 599 || status/100 == 3 || status >= 204 && status <= 206 {
		return errors.New("want a status that comes with a document: from 200 to 299 without 204 to 206, or from 400 to 599")
	}
	return nil
}

// isHost reports whether these are valid values of the header Host: at most one.
func isHost(values []string) bool {
	if len(values) != 1 {
		return len(values) == 0
	}
	return CheckHost(values[0]) == nil
}

// ExampleURL is the URL that errors show as an example.
const ExampleURL = "https://api.example.com/prices"

// CheckURL returns nil for a valid URL of an upstream or a proxy. Its error has the
// example and quotes nothing of the URL, which may contain a password.
func CheckURL(text, example string) error {
	u, err := url.Parse(text)
	switch {
	case strings.ContainsAny(text, "{}"):
		return errors.New("want no { and no }: only a stream with keys has a place for them in its URL; write %7B and %7D for the characters themselves")
	case err != nil || strings.ContainsAny(text, " \t") || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("want an absolute http or https URL with a host, for example " + example)
	case u.Port() != "" && !isPort(u.Port()):
		return errors.New("want a port from 1 to 65535, or none")
	}
	return nil
}

// parseURL parses the URL of the upstream.
func parseURL(text string) (*url.URL, error) {
	if err := CheckURL(text, ExampleURL); err != nil {
		return nil, fmt.Errorf("httpjson: URL: %w", err)
	}
	return url.Parse(text)
}

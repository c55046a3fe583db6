package httpjson

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/polluxhub/pollux/poller"
)

// maxRedirects is how many redirects of one fetch are followed.
const maxRedirects = 3

// Reasons why a redirect is not followed, in words.
var (
	tooManyRedirects = fmt.Sprintf("there are more than %d redirects", maxRedirects)
	toPlain          = "a redirect leads away from https"
	toOtherScheme    = "a redirect leads to neither http nor https"
	bodyElsewhere    = "a redirect asks for the POST to be repeated to another host"
)

// toOtherHost says which host a redirect leads to that is not allowed.
func (c *client) toOtherHost(to *url.URL) string {
	host := "another host"
	if !c.isSecret(to.Host) {
		host = printable(to.Host)
	}
	return "a redirect leads to " + host + ", which redirect_hosts does not name"
}

// hop is one request of a fetch: the first one, or that of a redirect.
type hop struct {
	url    *url.URL // without user
	method string
	body   []byte
	header http.Header // to send beside the configured ones, to the configured host alone

	// home says that no redirect has left the configured host yet. The configured
	// headers are sent only then: a redirect back to that host does not get them.
	home bool

	further http.Header // beside the configured headers, for every host
}

// redirected returns the URL to which a response to a request for from redirects, or
// nil if it is not a redirect.
func redirected(from *url.URL, response *http.Response) (*url.URL, *poller.Error) {
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	location := response.Header.Get("Location")
	if location == "" {
		return nil, nil
	}
	to, err := from.Parse(location)
	if err != nil { // which quotes it
		return nil, fail(classProtocol, "a redirect leads to an invalid URL", nil)
	}
	return to, nil
}

// movedWords says that the URL should change, if a redirect is permanent (RFC 9110 sections
// 15.4.2 and 15.4.9). It does not quote the path or the query, which may have secrets.
func (c *client) movedWords(status int, from, to *url.URL) string {
	if status != http.StatusMovedPermanently && status != http.StatusPermanentRedirect {
		return ""
	}
	where := "another path"
	switch {
	case !strings.EqualFold(from.Host, to.Host) && c.isSecret(to.Host):
		where = "another host"
	case !strings.EqualFold(from.Host, to.Host):
		where = printable(to.Host)
	case from.Scheme != to.Scheme:
		where = to.Scheme
	}
	return "the upstream has moved to " + where + " for good: it answers " + statusWords(status) + ", so url should change"
}

// follow returns the hop after from, or why a redirect is not followed.
func (c *client) follow(first, from hop, to *url.URL, status int) (hop, *poller.Error) {
	next := hop{url: to, method: from.method, body: from.body, header: from.header, home: from.home && sameHost(from.url, to)}
	switch {
	case from.url.Scheme == "https" && to.Scheme != "https":
		return hop{}, fail(classRedirect, toPlain, nil)
	case to.Scheme != "http" && to.Scheme != "https":
		return hop{}, fail(classRedirect, toOtherScheme, nil)
	case !sameHost(from.url, to) && !sameHost(first.url, to) && !c.allows(to):
		return hop{}, fail(classRedirect, c.toOtherHost(to), nil)
	}
	to.User = nil // net/http would send it as Authorization
	if status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect {
		next.method, next.body = http.MethodGet, nil // RFC 9110 section 15.4
	}
	if next.method == http.MethodPost && !next.home {
		// 307 and 308 ask for the same request again. Without its body it would be
		// another request.
		return hop{}, fail(classRedirect, bodyElsewhere, nil)
	}
	return next, nil
}

// allows reports whether Options.RedirectHosts have the host of to.
func (c *client) allows(to *url.URL) bool {
	for _, host := range c.redirectHosts {
		want := host.Port()
		if want == "" {
			want = defaultPort(to)
		}
		if strings.EqualFold(host.Hostname(), to.Hostname()) && want == port(to) {
			return true
		}
	}
	return false
}

// isPort reports whether the text is the number of a TCP port.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// sameHost reports whether to has the host and port of from, or is the default https
// URL of the host of a default http URL.
func sameHost(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	upgrade := from.Scheme == "http" && to.Scheme == "https" && port(from) == "80" && port(to) == "443"
	return port(from) == port(to) || upgrade
}

func port(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return defaultPort(u)
}

func defaultPort(u *url.URL) string {
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

package httpjson

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// OAuth2 says how to get a token by the grant of client credentials (RFC 6749 section 4.4),
// which is sent to the host of the URL as Authorization: Bearer. The zero value means none.
//
// A token is fetched before the first request, and again before it ends: a tenth of its life
// earlier, at most a minute, and after a day at the latest. If the host answers 401, a new
// one is fetched, and the request is sent once more; but not if the old one is younger than
// 10 s, or than 1 s if this source has got a document with it.
// Sources with the same settings and the same Transports share the token. A failure of the
// token endpoint counts for all of them, for a second at first and for 30 s at most.
type OAuth2 struct {
	// TokenURL is the token endpoint: an absolute http or https URL without a user. It is
	// reached as the URL of the documents is: by the same proxy and guard, and with the same
	// TLS, but for ServerName if its host is another one. Redirects are not followed.
	TokenURL string

	// ClientID and ClientSecret are those of the client. If ClientSecretFile is set, the
	// secret is the content of that file, without the line breaks at its end. It is read
	// again when it changes, and after the token endpoint has refused it.
	ClientID         string
	ClientSecret     string
	ClientSecretFile string

	// AuthStyle is one of AuthStyles. Empty means AuthHeader.
	AuthStyle AuthStyle

	// Scopes are what is asked for. Audience is sent as the parameter audience, which is no
	// part of RFC 6749 but expected by several servers. Empty means that neither is sent.
	Scopes   []string
	Audience string
}

// AuthStyle says how the token endpoint is told the ID and the secret of a client.
type AuthStyle string

// The values of OAuth2.AuthStyle (RFC 6749 section 2.3.1).
const (
	AuthHeader AuthStyle = "header" // by Basic authentication, which each server has to support
	AuthBody   AuthStyle = "body"   // by client_id and client_secret in the body
)

// AuthStyles returns every value of OAuth2.AuthStyle, the default first.
func AuthStyles() []AuthStyle { return []AuthStyle{AuthHeader, AuthBody} }

// isSet reports whether a token is to be fetched.
func (o *OAuth2) isSet() bool { return o.TokenURL != "" || o.ClientID != "" }

// grant is OAuth2, checked.
type grant struct {
	OAuth2
	endpoint checked
	options  Options        // for requests to the endpoint
	file     *fresh[string] // of the secret; nil: ClientSecret
}

// checkOAuth2 returns nil if no token is to be fetched, or the mistakes in OAuth2.
func (o Options) checkOAuth2() (*grant, error) {
	if !o.OAuth2.isSet() {
		return nil, nil
	}
	g := &grant{OAuth2: o.OAuth2}
	g.Scopes = slices.Clone(g.Scopes)
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("httpjson: OAuth2."+format, args...)) }
	if err := CheckEndpoint(g.TokenURL, ExampleTokenURL); err != nil {
		wrong("TokenURL: %w", err)
	}
	if g.ClientID == "" {
		wrong("ClientID is empty")
	}
	if (g.ClientSecret == "") == (g.ClientSecretFile == "") {
		wrong("ClientSecret or ClientSecretFile: want one of them")
	}
	if g.AuthStyle != "" && !slices.Contains(AuthStyles(), g.AuthStyle) {
		wrong("AuthStyle is %q, want one of %q", g.AuthStyle, AuthStyles())
	}
	for _, scope := range g.Scopes {
		if err := CheckScope(scope); err != nil {
			wrong("Scopes has %q: %w", scope, err)
		}
	}
	isAuthorization := func(name string) bool { return http.CanonicalHeaderKey(name) == "Authorization" }
	if slices.ContainsFunc(slices.Collect(maps.Keys(o.Header)), isAuthorization) || slices.ContainsFunc(slices.Collect(maps.Keys(o.HeaderFiles)), isAuthorization) {
		wrong("TokenURL, and a header Authorization, want one of them")
	}
	if u, err := url.Parse(o.URL); err == nil && u.User != nil {
		wrong("TokenURL, and a user in the URL, want one of them")
	}
	if g.ClientSecretFile != "" {
		var err error
		if g.file, err = newFresh(parseSecret, g.ClientSecretFile); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	g.options = o.elsewhere(g.TokenURL)
	g.options.Method, g.options.MaxBody = http.MethodPost, maxTokenAnswer
	g.options.Header = http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"identity"}}
	var err error
	g.endpoint, err = g.options.check()
	return g, err
}

// elsewhere returns the options for requests to another URL, by the same way.
func (o Options) elsewhere(text string) Options {
	other := Options{
		URL: text, UserAgent: o.UserAgent, RedirectHosts: o.RedirectHosts, TLS: o.TLS, Proxy: o.Proxy,
		DenyPrivate: o.DenyPrivate, AllowPrivate: o.AllowPrivate, Resolver: o.Resolver, Dial: o.Dial,
		Parallel: o.Parallel, Places: o.Places, Transports: o.Transports, Transport: o.Transport,
	}
	from, _ := url.Parse(o.URL) // both are checked by their own
	to, _ := url.Parse(text)
	if from == nil || to == nil || !strings.EqualFold(from.Hostname(), to.Hostname()) {
		other.TLS.ServerName = ""
	}
	return other
}

// ExampleTokenURL is the OAuth2.TokenURL that errors show as an example.
const ExampleTokenURL = "https://login.example.com/oauth2/token" //nolint:gosec // no credential

// CheckEndpoint returns nil for a URL that OAuth2.TokenURL or Login.URL may have. Its error
// has the example, and quotes nothing of the URL.
func CheckEndpoint(text, example string) error {
	if err := CheckURL(text, example); err != nil {
		return err
	}
	if u, err := url.Parse(text); err != nil || u.User != nil || u.Fragment != "" {
		return errors.New("want no user and no #fragment in it")
	}
	return nil
}

// CheckScope returns nil for a text that can be a scope (RFC 6749 section 3.3).
func CheckScope(text string) error {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return errors.New(`want ASCII characters without space, " and \`)
	}
	return nil
}

// parseSecret returns the secret in a file.
func parseSecret(texts [][]byte) (string, error) {
	secret := strings.TrimRight(string(texts[0]), "\r\n")
	if secret == "" {
		return "", errors.New("it is empty")
	}
	return secret, nil
}

// name is that of the token among those of the same Transports: equal for equal settings.
func (g *grant) name() string {
	o := g.options
	return fmt.Sprintf("%q %q", []string{
		g.TokenURL, g.ClientID, g.ClientSecret, g.ClientSecretFile, string(g.AuthStyle), g.Audience,
		o.Proxy, fmt.Sprint(o.DenyPrivate), fmt.Sprint(o.AllowPrivate), fmt.Sprintf("%q", fmt.Sprint(o.TLS)),
	}, g.Scopes)
}

package httpjson

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/polluxhub/pollux/poller"
)

const (
	// maxTokenAnswer bounds the answer of a token endpoint, in bytes.
	maxTokenAnswer = 64 << 10

	// The time at which a token is renewed: before it ends by a tenth of its life, at most
	// mostMargin, and after mostLife in any case.
	mostMargin = time.Minute
	mostLife   = 24 * time.Hour

	bearer = "Bearer "
)

// noToken begins the words of a failure.
const noToken = "no token"

// tokens fetches tokens for one client, see OAuth2.
type tokens struct {
	*grant
	endpoint *client
	shared   *Transports // that has the pass; nil: it is own
	own      *pass

	mu   sync.Mutex
	pass *pass  // nil before the first request, and after stop
	sent string // the newest secret
}

// newTokens returns how tokens are fetched for a client.
func newTokens(g *grant, shared *Transports) *tokens {
	return &tokens{grant: g, endpoint: newClient(g.options, g.endpoint), shared: shared, own: &pass{what: noToken}}
}

// enter implements entrance.
func (t *tokens) enter(ctx context.Context, stale *credential, worked bool) (*credential, *poller.Error) {
	secret := t.secret()
	t.mu.Lock()
	if t.pass == nil {
		t.pass = t.own
		if t.shared != nil {
			t.pass = t.shared.takePass(t.name(), noToken)
		}
	}
	at := t.pass
	changed := t.sent != "" && t.sent != secret
	t.sent = secret
	t.mu.Unlock()
	if changed {
		at.forgive()
	}
	return at.get(ctx, stale, worked, t.fetch)
}

// rejects implements entrance. 403 means that the token is valid, and not for this (RFC 6750
// section 3.1).
func (t *tokens) rejects(got arrival, failure *poller.Error) bool {
	return failure == nil && got.home && got.response.StatusCode == http.StatusUnauthorized
}

// stop implements entrance.
func (t *tokens) stop() {
	t.mu.Lock()
	used := t.pass
	t.pass = nil
	t.mu.Unlock()
	if used != nil && t.shared != nil {
		t.shared.leavePass(t.name())
	}
	_ = t.endpoint.Close() // its error is always nil
}

// client implements entrance.
func (t *tokens) client() *client { return t.endpoint }

// secrets implements entrance.
func (t *tokens) secrets() []string {
	secret := t.secret()
	id, escaped := url.QueryEscape(t.ClientID), url.QueryEscape(secret) // as both are sent
	values := []string{secret, escaped, base64.StdEncoding.EncodeToString([]byte(id + ":" + escaped))}
	t.mu.Lock()
	at := t.pass
	t.mu.Unlock()
	if at != nil {
		if current := at.now(); current != nil {
			values = append(values, current.header.Get("Authorization"))
		}
	}
	return values
}

func (t *tokens) secret() string {
	if t.file != nil {
		return t.file.get()
	}
	return t.ClientSecret
}

// fetch fetches a token. If the endpoint refuses a secret from a file, and the file has
// another one by now, it is asked once more.
func (t *tokens) fetch(ctx context.Context) (*credential, *poller.Error) {
	secret := t.secret()
	got, isSecretWrong, failure := t.ask(ctx, secret)
	if isSecretWrong && t.file != nil {
		t.file.forget()
		if newer := t.file.get(); newer != secret {
			got, _, failure = t.ask(ctx, newer)
		}
	}
	if failure != nil {
		return nil, prefixed(noToken, failure)
	}
	life := ""
	if !got.ends.IsZero() {
		life = ", valid for " + got.ends.Sub(got.since).Round(time.Second).String()
	}
	noted(ctx, "a token was fetched"+life)
	return got, nil
}

// ask asks the token endpoint once. refused says that it did not accept the secret.
func (t *tokens) ask(ctx context.Context, secret string) (got *credential, refused bool, failure *poller.Error) {
	config := clientcredentials.Config{
		ClientID: t.ClientID, ClientSecret: secret, TokenURL: t.TokenURL, Scopes: t.Scopes,
		AuthStyle: oauth2.AuthStyleInHeader, // auto-detection would hide the first error by the second one
	}
	if t.AuthStyle == AuthBody {
		config.AuthStyle = oauth2.AuthStyleInParams
	}
	if t.Audience != "" {
		config.EndpointParams = url.Values{"audience": {t.Audience}}
	}
	wire := &tokenWire{endpoint: t.endpoint}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, newHTTPClient(wire)))
	if classed, ok := errors.AsType[*poller.Error](err); ok { // of the network
		return nil, false, classed
	}
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		status := answer.Response.StatusCode
		failure = fail(classToken, t.refusal(status, answer), nil)
		failure.Wait, failure.Said = waitOf(status, answer.Response.Header, t.endpoint.respect, time.Now())
		return nil, status == http.StatusUnauthorized || answer.ErrorCode == invalidClient, failure
	}
	if err != nil { // its text may quote the answer
		return nil, false, fail(classToken, wire.without(), nil)
	}
	if token.TokenType != "" && !strings.EqualFold(token.TokenType, strings.TrimSpace(bearer)) {
		return nil, false, fail(classToken, "the token endpoint gave a token of another type"+parenthesis(t.endpoint.quotable(token.TokenType))+", want Bearer (RFC 6750)", nil)
	}
	if !httpguts.ValidHeaderFieldValue(token.AccessToken) || strings.ContainsAny(token.AccessToken, " \t") {
		return nil, false, fail(classToken, "the token endpoint gave a token with characters that no header can have", nil)
	}
	return newTokenCredential(token, time.Now()), false, nil
}

// newTokenCredential returns what a token is worth. An end that is not in the future says
// nothing, so such a token counts until it is refused.
func newTokenCredential(token *oauth2.Token, now time.Time) *credential {
	c := &credential{
		header: http.Header{"Authorization": {bearer + token.AccessToken}},
		note:   "with a new token",
		since:  now,
		renew:  now.Add(mostLife),
	}
	if life := token.Expiry.Sub(now); !token.Expiry.IsZero() && life > 0 {
		c.ends = token.Expiry
		c.renew = now.Add(min(life-min(life/10, mostMargin), mostLife))
	}
	return c
}

const invalidClient = "invalid_client" // RFC 6749 section 5.2

// refusal says why there is no token, as the endpoint says it (RFC 6749 section 5.2).
func (t *tokens) refusal(status int, answer *oauth2.RetrieveError) string {
	if status/100 == 3 {
		where := "elsewhere"
		if to, err := answer.Response.Location(); err == nil && !t.endpoint.isSecret(to.Host) {
			where = "to " + printable(to.Host)
		}
		return "the token endpoint redirects " + where + " (" + statusWords(status) + "), which is not followed: token_url has to be the address itself"
	}
	text := "the token endpoint answered " + statusWords(status)
	if code := t.endpoint.quotable(answer.ErrorCode); code != "" {
		text += ": " + code + parenthesis(t.endpoint.quotable(answer.ErrorDescription))
	}
	if answer.ErrorCode == invalidClient && t.AuthStyle != AuthBody {
		text += "; if it wants ID and secret in the body, set auth_style: body"
	}
	return text
}

// parenthesis returns a text in parentheses, or nothing.
func parenthesis(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// tokenWire carries the requests of package oauth2 as those of a client are carried: under
// its guard, and with a bound on the answer.
type tokenWire struct {
	endpoint *client

	status int
	header http.Header
	body   []byte
}

// RoundTrip implements http.RoundTripper. Its errors are a *poller.Error.
func (w *tokenWire) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	form, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fail(classError, "no request can be made for a token", nil)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	at := hop{url: r.URL, method: r.Method, body: form, header: r.Header, home: true}
	response, seen, failure := w.endpoint.exchange(ctx, cancel, at, at, poller.Version{})
	if failure != nil {
		return nil, failure
	}
	defer response.Body.Close()
	w.status, w.header = response.StatusCode, response.Header
	w.body, failure = w.endpoint.readBody(response, seen)
	if failure != nil {
		seen.abandon()
		switch failure.Class { // whose words are about documents, or quote what may have a token
		case classTooLarge:
			failure = fail(classTooLarge, fmt.Sprintf("the answer of the token endpoint is larger than %d bytes", maxTokenAnswer), nil)
		case classEncoding:
			failure = fail(classEncoding, "the answer of the token endpoint has an encoding that was not asked for, or a broken one", nil)
		}
		return nil, failure
	}
	answer := *response
	answer.Body = io.NopCloser(bytes.NewReader(w.body))
	if text := bytes.TrimLeft(w.body, " \t\r\n"); len(text) > 0 && text[0] == '{' { // whatever its Content-Type
		answer.Header = response.Header.Clone()
		answer.Header.Set("Content-Type", "application/json")
	}
	return &answer, nil
}

// without says what came in place of a token. It does not quote it: a token may be in it.
func (w *tokenWire) without() string {
	what := "it has no Content-Type"
	if media := mediaOf(w.header); media != "" {
		what = "its Content-Type is " + printable(media)
	}
	if kind := shapeOf(w.header, w.body); kind != nil {
		what = kind.words
	}
	if json.Valid(w.body) {
		what = "its access_token is missing, or a member has another type than RFC 6749 says"
	}
	return "the token endpoint answered " + statusWords(w.status) + ", but with no token: " + what
}

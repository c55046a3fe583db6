package handlers_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// The issuer and the audience of the tokens here.
const (
	issuer   = "https://login.example"
	audience = "https://live.example"
)

// Keys take long to make, so all tests share them.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// publicPEM returns the public half of a key.
func publicPEM(key any) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key))})
}

// claims are those of a valid token for every stream, with changes. A change to nil removes
// a claim.
func claims(changes map[string]any) jwt.MapClaims {
	all := jwt.MapClaims{
		"iss": issuer, "aud": audience, "exp": time.Now().Add(time.Hour).Unix(),
		"subscribe": []string{"*"}, "publish": []string{"*"},
	}
	for name, value := range changes {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	return all
}

// sign returns a token. kid is left out if it is empty.
func sign(method jwt.SigningMethod, key any, kid string, c jwt.Claims) string {
	token := jwt.NewWithClaims(method, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	return must(token.SignedString(key))
}

// issuerRig is a rig with one stream that needs a token of an issuer.
func issuerRig(t *testing.T, j auth.JWT) *rig {
	t.Helper()
	j.Issuer, j.Audience = issuer, audience
	verifier, err := auth.New(auth.Options{JWT: &j})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, setup{handlers: handlers.Options{Tokens: verifier}})
	if j.Keys != nil {
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { verifier.Run(ctx, func(bool, error) {}) })
		t.Cleanup(func() { stop(); running.Wait() })
	}
	r.broadcast("1")
	return r
}

// ask returns the status of the answer to a bearer, and the whole answer without its
// date.
func (r *rig) askWith(token string) (status int, whole string) {
	a, body := r.get("/api/latest", bearer(token))
	return a.status, a.header.Get("WWW-Authenticate") + "\n" + body
}

// Each forged token gets the answer of every wrong token: not a word of why.
func TestForgedTokens(t *testing.T) {
	secret := []byte(strings.Repeat("s", auth.MinSecret))
	public := publicPEM(rsaKey().Public())
	hour := time.Now().Add(time.Hour).Unix()
	bySecret := auth.JWT{Secret: secret}
	byKey := auth.JWT{PublicKey: public}
	hs := func(changes map[string]any) string { return sign(jwt.SigningMethodHS256, secret, "", claims(changes)) }
	for name, attack := range map[string]struct {
		jwt   auth.JWT
		token string
	}{
		"algorithm none":                     {bySecret, sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", claims(nil))},
		"algorithm none, public key":         {byKey, sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", claims(nil))},
		"HS256 with the public key":          {byKey, sign(jwt.SigningMethodHS256, public, "", claims(nil))},
		"HS256 with the public key, trimmed": {byKey, sign(jwt.SigningMethodHS256, []byte(strings.TrimSpace(string(public))), "", claims(nil))},
		"another algorithm of the family":    {byKey, sign(jwt.SigningMethodRS512, rsaKey(), "", claims(nil))},
		"PS256 with the key of RS256":        {byKey, sign(jwt.SigningMethodPS256, rsaKey(), "", claims(nil))},
		"HS512 with the secret":              {bySecret, sign(jwt.SigningMethodHS512, secret, "", claims(nil))},
		"a key of somebody else":             {byKey, sign(jwt.SigningMethodRS256, otherRSA(), "", claims(nil))},
		"another secret":                     {bySecret, sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), "", claims(nil))},
		"a million dots":                     {bySecret, strings.Repeat(".", 100_000)}, // the most that fits in a header
		"no signature":                       {bySecret, strings.TrimRight(hs(nil), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")},
		"expired":                            {bySecret, hs(map[string]any{"exp": time.Now().Add(-time.Second).Unix()})},
		"expired, with a bad signature":      {bySecret, sign(jwt.SigningMethodHS256, []byte("x"), "", claims(map[string]any{"exp": 1}))},
		"expires now":                        {bySecret, hs(map[string]any{"exp": time.Now().Unix()})},
		"no expiry":                          {bySecret, hs(map[string]any{"exp": nil})},
		"an expiry in capitals":              {bySecret, hs(map[string]any{"exp": 1, "EXP": hour})},
		"an expiry that is a text":           {bySecret, hs(map[string]any{"exp": "tomorrow"})},
		"not valid yet":                      {bySecret, hs(map[string]any{"nbf": hour})},
		"wrong audience":                     {bySecret, hs(map[string]any{"aud": "https://other.example"})},
		"no audience":                        {bySecret, hs(map[string]any{"aud": nil})},
		"an audience that begins likewise":   {bySecret, hs(map[string]any{"aud": audience + ".evil.example"})},
		"wrong issuer":                       {bySecret, hs(map[string]any{"iss": "https://evil.example"})},
		"no issuer":                          {bySecret, hs(map[string]any{"iss": nil})},
		"subscribe is a text":                {bySecret, hs(map[string]any{"subscribe": "*"})},
		"subscribe has a number":             {bySecret, hs(map[string]any{"subscribe": []any{"*", 1}})},
		"more names than a list may have":    {bySecret, hs(map[string]any{"subscribe": strings.Split(strings.Repeat("a,", auth.MaxPatterns)+"a", ",")})},
		"larger than a token may be":         {bySecret, hs(map[string]any{"x": strings.Repeat("x", 9000)})},
		"critical header":                    {bySecret, critical(secret)},
	} {
		t.Run(name, func(t *testing.T) {
			r := issuerRig(t, attack.jwt)
			_, want := r.askWith("wrong")
			if status, got := r.askWith(attack.token); status != 401 || got != want {
				t.Errorf("%d, %s, want that of a wrong token", status, got)
			}
			if attack.jwt.Secret != nil {
				if status, got := r.askWith(hs(nil)); status != 200 {
					t.Errorf("a valid token: %d %s", status, got)
				}
			}
			if strings.Contains(r.log.String(), attack.token[:min(len(attack.token), 20)]) {
				t.Error("the log has the token")
			}
		})
	}
}

// critical returns a token with an extension that everybody has to understand.
func critical(secret []byte) string {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims(nil))
	token.Header["crit"] = []string{"x"}
	return must(token.SignedString(secret))
}

// Tokens that are as they should be, by each kind of key. The claims say what they allow.
func TestIssuedTokens(t *testing.T) {
	secret := []byte(strings.Repeat("s", auth.MinSecret))
	for name, test := range map[string]struct {
		jwt   auth.JWT
		token string
		want  int
	}{
		"secret":        {auth.JWT{Secret: secret}, sign(jwt.SigningMethodHS256, secret, "", claims(nil)), 200},
		"RSA":           {auth.JWT{PublicKey: publicPEM(rsaKey().Public())}, sign(jwt.SigningMethodRS256, rsaKey(), "", claims(nil)), 200},
		"PS384":         {auth.JWT{PublicKey: publicPEM(rsaKey().Public()), Algorithm: "PS384"}, sign(jwt.SigningMethodPS384, rsaKey(), "", claims(nil)), 200},
		"ECDSA":         {auth.JWT{PublicKey: publicPEM(ecKey().Public())}, sign(jwt.SigningMethodES256, ecKey(), "", claims(nil)), 200},
		"audiences":     {auth.JWT{Secret: secret}, sign(jwt.SigningMethodHS256, secret, "", claims(map[string]any{"aud": []string{"x", audience}})), 200},
		"no claims":     {auth.JWT{Secret: secret}, sign(jwt.SigningMethodHS256, secret, "", claims(map[string]any{"subscribe": nil})), 403},
		"other claims":  {auth.JWT{Secret: secret}, sign(jwt.SigningMethodHS256, secret, "", claims(map[string]any{"subscribe": []string{"defaul", "x*"}})), 403},
		"in capitals":   {auth.JWT{Secret: secret}, sign(jwt.SigningMethodHS256, secret, "", claims(map[string]any{"subscribe": nil, "SUBSCRIBE": []string{"*"}})), 403},
		"exact":         {auth.JWT{Secret: secret}, sign(jwt.SigningMethodHS256, secret, "", claims(map[string]any{"subscribe": []string{"default"}})), 200},
		"a clock ahead": {auth.JWT{Secret: secret}, sign(jwt.SigningMethodHS256, secret, "", claims(map[string]any{"nbf": time.Now().Add(3 * time.Second).Unix()})), 200},
	} {
		r := issuerRig(t, test.jwt)
		if status, got := r.askWith(test.token); status != test.want {
			t.Errorf("%s: %d, want %d\n%s", name, status, test.want, got)
		}
	}
}

// Secrets and keys that are too weak, and algorithms that do not fit, are mistakes.
func TestWeakKeys(t *testing.T) {
	weak := must(rsa.GenerateKey(rand.Reader, 1024))
	for name, j := range map[string]auth.JWT{
		"31 bytes":               {Secret: []byte(strings.Repeat("s", 31))},
		"RSA of 1024 bits":       {PublicKey: publicPEM(weak.Public())},
		"a public key as secret": {PublicKey: publicPEM(rsaKey().Public()), Algorithm: "HS256"},
		"ES256 with RSA":         {PublicKey: publicPEM(rsaKey().Public()), Algorithm: "ES256"},
		"RS256 with a secret":    {Secret: []byte(strings.Repeat("s", 32)), Algorithm: "RS256"},
		"HS256 with keys":        {Keys: func(context.Context) ([]byte, error) { return nil, nil }, Algorithm: "HS256"},
		"none":                   {Secret: []byte(strings.Repeat("s", 32)), Algorithm: "none"},
		"both":                   {Secret: []byte(strings.Repeat("s", 32)), PublicKey: publicPEM(rsaKey().Public())},
		"nothing":                {},
		"a private key":          {PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(rsaKey()))})},
		"a text that is no PEM":  {PublicKey: []byte("hello")},
	} {
		j.Issuer, j.Audience = issuer, audience
		if _, err := auth.New(auth.Options{JWT: &j}); err == nil {
			t.Errorf("%s: no mistake", name)
		}
	}
	for _, j := range []auth.JWT{{Issuer: issuer}, {Audience: audience}} {
		j.Secret = []byte(strings.Repeat("s", auth.MinSecret))
		if _, err := auth.New(auth.Options{JWT: &j}); err == nil {
			t.Errorf("issuer %q and audience %q: no mistake", j.Issuer, j.Audience)
		}
	}
}

// jwk returns a public key as an entry of a set.
func jwk(kid string, key *rsa.PublicKey, more string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return `{"kty":"RSA","kid":"` + kid + `","n":"` + encode(key.N.Bytes()) + `","e":"` + encode(big.NewInt(int64(key.E)).Bytes()) + `"` + more + `}`
}

func keySet(entries ...string) []byte { return []byte(`{"keys":[` + strings.Join(entries, ",") + `]}`) }

// A key that does not verify signatures cannot take the place of one with the same ID, and
// two that do leave it open which one is meant, so neither counts.
func TestKeyIDCollision(t *testing.T) {
	secret := strings.Repeat("s", 32)
	oct := `{"kty":"oct","kid":"a","k":"` + base64.RawURLEncoding.EncodeToString([]byte(secret)) + `"}`
	mine := jwk("a", &rsaKey().PublicKey, "")
	byMine := sign(jwt.SigningMethodRS256, rsaKey(), "a", claims(nil))
	byOther := sign(jwt.SigningMethodRS256, otherRSA(), "a", claims(nil))
	for name, test := range map[string]struct {
		set         []byte
		mine, other int
	}{
		"a secret":              {keySet(mine, oct), 200, 401},
		"a key for encryption":  {keySet(mine, jwk("a", &otherRSA().PublicKey, `,"use":"enc"`)), 200, 401},
		"for another algorithm": {keySet(jwk("a", &otherRSA().PublicKey, `,"alg":"RS512"`), mine), 200, 401},
		"broken":                {keySet(mine, `{"kty":"RSA","kid":"a","n":1}`), 200, 401},
		"two for signatures":    {keySet(mine, jwk("a", &otherRSA().PublicKey, ""), jwk("b", &thirdRSA().PublicKey, "")), 401, 401},
	} {
		r := issuerRig(t, auth.JWT{Keys: func(context.Context) ([]byte, error) { return test.set, nil }})
		r.await(name, func() bool { status, _ := r.askWith("a.b.c"); return status != 503 })
		for token, want := range map[string]int{
			byMine: test.mine, byOther: test.other,
			sign(jwt.SigningMethodHS256, []byte(secret), "a", claims(nil)): 401,
		} {
			if status, _ := r.askWith(token); status != want {
				t.Errorf("%s: %d, want %d", name, status, want)
			}
		}
	}
}

// thirdRSA is a third key.
var thirdRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

// While the keys are not known, no token can be checked, and the answer is 503. A failure
// later leaves the old ones in force. A key that is unknown is fetched, at most twice a
// minute however many tokens name one.
func TestKeysOfAnIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var set []byte
		fetched := 0
		answer := func(text []byte) { mu.Lock(); defer mu.Unlock(); set = text }
		count := func() int { mu.Lock(); defer mu.Unlock(); return fetched }
		j := auth.JWT{Issuer: issuer, Audience: audience, Keys: func(context.Context) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			fetched++
			if set == nil {
				return nil, errors.New("no answer")
			}
			return set, nil
		}}
		v, err := auth.New(auth.Options{JWT: &j})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			v.Run(ctx, func(known bool, err error) { told = append(told, fmt.Sprint(known, " ", err)) })
		}()
		defer func() { stop(); <-done }()
		mine := func(kid string) string { return sign(jwt.SigningMethodRS256, rsaKey(), kid, claims(nil)) }
		verify := func(token string, want error) {
			t.Helper()
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		synctest.Wait()
		verify(mine("a"), auth.ErrUnavailable)
		answer(keySet(jwk("a", &rsaKey().PublicKey, "")))
		time.Sleep(30 * time.Second) // after a failure
		synctest.Wait()
		verify(mine("a"), nil)
		verify(sign(jwt.SigningMethodRS256, rsaKey(), "", claims(nil)), nil) // which is tried with each key
		for range 100 {
			verify(mine("b"), auth.ErrWrong)
		}
		same(t, "fetched", count(), 2)
		same(t, "told", told, []string{"false no answer", "true <nil>"})
		answer(keySet(jwk("b", &rsaKey().PublicKey, "")))
		time.Sleep(30 * time.Second)
		verify(mine("b"), nil)
		verify(mine("a"), auth.ErrWrong) // it was withdrawn
		answer(nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		verify(mine("b"), nil)
		same(t, "fetched", count(), 4)
		answer(keySet(jwk("b", &rsaKey().PublicKey, "")))
		time.Sleep(30*time.Second + 2*time.Hour)
		synctest.Wait()
		same(t, "fetched", count(), 7)
		same(t, "told", told, []string{"false no answer", "true <nil>", "true no answer", "true <nil>"})
	})
}

// A token in a URL would be in the logs of proxies and in the history of browsers. It is
// not looked at, whatever the parameter is called.
func TestTokenInTheQuery(t *testing.T) {
	g := newGuard(t)
	r := newRig(t, g.setup)
	for _, name := range []string{"token", "access_token", "authorization", "Authorization", "bearer", "jwt", "pollux_token", "ticket"} {
		a, body := r.get("/api/sse?stream=news&" + name + "=" + g.tokens["all"])
		same(t, name, a.status, 401)
		if strings.Contains(body, g.tokens["all"]) || r.log.Contains(g.tokens["all"]) {
			t.Errorf("%s: the token is repeated", name)
		}
	}
}

// A ticket is valid once, for 30 s, and not if it is guessed. Its stream ends with the token.
func TestTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t)
		g.setup.listener = hubtest.NewPipeListener()
		r := newRig(t, g.setup)
		defer r.stop()
		take := func() (ticket string) {
			t.Helper()
			a, body := r.do(request("POST", "/api/ticket", bearer(g.tokens["reader"])))
			same(t, "status", a.status, 200)
			var got struct{ Ticket, Expires string }
			if err := json.Unmarshal([]byte(body), &got); err != nil || got.Expires != *hub.FormatTime(time.Now().Add(30 * time.Second)) || len(got.Ticket) < 26 {
				t.Errorf("%v: %s", err, body)
			}
			return got.Ticket
		}
		head := func(ticket, stream string, header ...string) int {
			t.Helper()
			a, _ := r.do(request("HEAD", "/api/sse?stream="+stream+"&ticket="+ticket, header...))
			return a.status
		}
		one := take()
		same(t, "first use", head(one, "news"), 200)
		same(t, "second use", head(one, "news"), 401)
		same(t, "second use, with a token", head(one, "news", bearer(g.tokens["reader"])), 401)
		same(t, "another stream", head(take(), "prices"), 403)
		late := take()
		time.Sleep(30 * time.Second)
		same(t, "too late", head(late, "news"), 401)
		last := take()
		time.Sleep(30*time.Second - time.Millisecond)
		same(t, "in time", head(last, "news"), 200)
		guess := take()
		for _, wrong := range []string{guess[:len(guess)-1], guess + "A", strings.ToLower(guess), "A" + guess[1:] + "A", strings.Repeat("A", len(guess))} {
			same(t, "guessed", head(wrong, "news"), 401)
		}
		same(t, "a free stream needs none", head("wrong", "free"), 200)
		same(t, "not for other routes", func() int { a, _ := r.get("/api/latest?stream=news&ticket=" + take()); return a.status }(), 400)
		a, _ := r.do(request("POST", "/api/ticket"))
		same(t, "without a token", a.status, 401)
		a, _ = r.do(request("POST", "/api/ticket?ticket="+take()))
		same(t, "with a ticket", a.status, 401)

		time.Sleep(time.Minute)
		for n := range 101 {
			a, _ := r.do(request("POST", "/api/ticket", bearer(g.tokens["reader"])))
			want := 200
			if n == 100 {
				want = 429
			}
			if a.status != want {
				t.Errorf("ticket %d: %d", n, a.status)
			}
		}
		a, _ = r.do(request("POST", "/api/ticket", bearer(g.tokens["all"])))
		same(t, "of another token", a.status, 200)
		time.Sleep(30 * time.Second)
		take()
	})
}

// The cookie of a login does what the token does, cannot be read by scripts, and is sent by
// pages of this site only. It ends with the token, or at a logout.
func TestLogin(t *testing.T) {
	g := newGuard(t)
	token, made := auth.NewStatic(auth.Static{Name: "brief", Subscribe: auth.Patterns{"news"}, Expires: time.Now().Add(time.Hour)})
	if err := g.setup.handlers.Tokens.SetStatic([]auth.Static{made}); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, g.setup)
	r.broadcastTo("news", "1")
	a, _ := r.do(request("POST", "/api/login", bearer(token)))
	same(t, "status", a.status, 204)
	set := a.header.Get("Set-Cookie")
	if !strings.HasPrefix(set, "pollux_token="+token+"; Max-Age=359") || !strings.HasSuffix(set, "; HttpOnly; Secure; SameSite=Strict") || strings.Contains(set, "Path") {
		t.Errorf("Set-Cookie: %s", set)
	}
	cookie := "Cookie: pollux_token=" + token
	for name, test := range map[string]struct {
		header []string
		want   int
	}{
		"cookie":                      {[]string{cookie}, 200},
		"beside others":               {[]string{"Cookie: a=b; pollux_token=" + token + "; c=d"}, 200},
		"two":                         {[]string{cookie + "; pollux_token=x"}, 401},
		"wrong":                       {[]string{"Cookie: pollux_token=x"}, 401},
		"empty":                       {[]string{"Cookie: pollux_token="}, 401},
		"a wrong header counts first": {[]string{cookie, bearer("x")}, 401},
		"basic auth of a proxy":       {[]string{cookie, "Authorization: Basic eDp4"}, 401},
		"a right header counts first": {[]string{"Cookie: pollux_token=x", bearer(token)}, 200},
	} {
		a, _ := r.get("/api/latest?stream=news", test.header...)
		same(t, name, a.status, test.want)
		if a.status == 200 {
			same(t, "for shared caches", a.header.Get("Cache-Control"), "private, no-cache")
		}
	}
	for name, header := range map[string][]string{"none": nil, "wrong": {bearer("x")}, "by cookie": {cookie}} {
		a, _ := r.do(request("POST", "/api/login", header...))
		same(t, "login with "+name, a.status, 401)
		same(t, "cookie", a.header.Get("Set-Cookie"), "")
	}
	a, _ = r.do(request("POST", "/api/logout", cookie))
	same(t, "logout", a.status, 204)
	same(t, "cookie", a.header.Get("Set-Cookie"), "pollux_token=; Max-Age=0; HttpOnly; Secure; SameSite=Strict")

	secret := []byte(strings.Repeat("s", auth.MinSecret))
	r = issuerRig(t, auth.JWT{Secret: secret})
	a, _ = r.do(request("POST", "/api/login", bearer(sign(jwt.SigningMethodHS256, secret, "", claims(map[string]any{"x": strings.Repeat("x", 3000)})))))
	same(t, "a token that no browser would keep", a.status, 400)
}

// A guarded route is guarded however its path is written: an encoded slash separates
// nothing, and an encoded letter is that letter.
func TestEncodedSlash(t *testing.T) {
	g := newGuard(t)
	r := newRig(t, g.setup)
	for target, want := range map[string]int{
		"/api%2Flatest?stream=news": 404, "/api%2flatest?stream=news": 404, "/%2Fapi/latest?stream=news": 404, "//api/latest?stream=news": 404,
		"/api/%6Catest?stream=news": 401, "/api/latest/?stream=news": 404, "/x/../api/latest?stream=news": 404, "/api/latest;x?stream=news": 404,
		"/api/latest?stream=news%2F": 401, "/api/latest?stream=%6Eews": 401, "/api/latest?stream=user%2F42": 401, "/api/latest?stream=free%2F..%2Fnews": 401,
	} {
		a, _ := r.get(target)
		same(t, target, a.status, want)
	}
	for target, want := range map[string]int{"user%2F42": 401, "user/4%32": 401, "free/..%2Fnews": 401, "news%00": 401} {
		a, _ := r.do(post(target, "1"))
		same(t, "publish to "+target, a.status, want)
	}
}

// A page whose name resolves to this machine has that name in Host, and in its Origin. It is
// refused on every route. The target counts where it has a host.
func TestForgedHost(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{CheckHosts: true, Hosts: []string{"live.example", "192.0.2.7"}, Metrics: http.NotFoundHandler(),
		HostNames: func() []string { return []string{"cert.example", "*.wild.example"} }}})
	for host, want := range map[string]int{
		"localhost": 200, "localhost:3000": 200, "LOCALHOST": 200, "127.0.0.1": 200, "127.0.0.1:1": 200, "[::1]:3000": 200, "a.localhost": 200,
		"live.example": 200, "Live.Example:443": 200, "live.example.": 200, "192.0.2.7": 200, "cert.example": 200, "a.wild.example": 200,
		"evil.example": 421, "xlive.example": 421, "live.example.evil.example": 421, "192.0.2.8": 421, "a.b.wild.example": 421, "wild.example": 421,
		"localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "x.cert.example": 421, "live.example:443:443": 421, "live.example@evil.example": 400,
	} {
		a, body := r.do(strings.Replace(request("GET", "/api/streams"), "pollux.test", host, 1))
		same(t, host, a.status, want)
		if want == 421 && !strings.Contains(body, "hosts") {
			t.Errorf("the answer does not name the key: %s", body)
		}
	}
	for _, target := range []string{"/", "/api/sse", "/api/latest", "/livez", "/readyz", "/healthz", "/metrics", "/client/pollux.js", "/nothing"} {
		a, _ := r.do(strings.Replace(request("GET", target), "pollux.test", "evil.example", 1))
		same(t, target, a.status, 421)
	}
	a, _ := r.do(strings.Replace(post("default", "1", authorized), "pollux.test", "evil.example", 1))
	same(t, "publish", a.status, 421)
	c := r.dial()
	c.send("GET http://evil.example/api/streams HTTP/1.1\r\nHost: localhost\r\n\r\n")
	same(t, "absolute form", c.receive("GET").status, 421)
	c = r.dial()
	c.send("GET http://localhost/api/streams HTTP/1.1\r\nHost: evil.example\r\n\r\n")
	same(t, "absolute form of this machine", c.receive("GET").status, 200) // RFC 9112 3.2.2, and no browser sends it
	c = r.dial()
	c.send("GET /api/streams HTTP/1.0\r\n\r\n")
	same(t, "no host", c.receive("GET").status, 200)

	off := newRig(t, setup{})
	a, _ = off.do(strings.Replace(request("GET", "/api/streams"), "pollux.test", "any.example", 1))
	same(t, "without names", a.status, 200)
}

package httpjson_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// clientSecret is the secret of the client in these tests, as it is and as it is sent.
const (
	clientSecret  = "hunter2:hunter2 é"
	escapedSecret = "hunter2%3Ahunter2+%C3%A9"
)

// bank gives tokens at /token, and documents everywhere else to those who show the newest
// one. Its fields other than mu are guarded by it.
type bank struct {
	mu       sync.Mutex
	answer   func(w http.ResponseWriter, r *http.Request, n int) // of the token endpoint; nil: a token
	expires  string                                              // the member expires_in, with a comma before it
	valid    string                                              // the token that is accepted: the newest one
	requests []string                                            // for tokens, as forms
	shown    []string                                            // in place of documents
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.URL.Path == "/token" {
		body, _ := io.ReadAll(r.Body)
		id, secret, _ := r.BasicAuth()
		b.requests = append(b.requests, strings.TrimSuffix(id+":"+secret+" ", ": ")+string(body))
		if b.answer != nil {
			b.answer(w, r, len(b.requests))
			return
		}
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		b.valid = fmt.Sprintf("token-%d", len(b.requests))
		_, _ = fmt.Fprintf(w, `{"access_token": %q, "token_type": "bearer"%s}`, b.valid, b.expires)
		return
	}
	token := r.Header.Get("Authorization")
	b.shown = append(b.shown, token)
	if token != "Bearer "+b.valid {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, `{"n":1}`)
}

// counts returns how many tokens and how many documents were asked for.
func (b *bank) counts() (tokens, documents int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests), len(b.shown)
}

// change changes what the bank does.
func (b *bank) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// grantOf returns OAuth2 for a bank.
func grantOf(server string) httpjson.OAuth2 {
	return httpjson.OAuth2{TokenURL: server + "/token", ClientID: "the client", ClientSecret: clientSecret}
}

// TestOAuth2 gets a token, which several fetches use.
func TestOAuth2(t *testing.T) {
	for style, want := range map[httpjson.AuthStyle]string{
		"":       "the+client:" + escapedSecret + " audience=https%3A%2F%2Fapi.example&grant_type=client_credentials&scope=a+b%3Ac",
		"header": "the+client:" + escapedSecret + " audience=https%3A%2F%2Fapi.example&grant_type=client_credentials&scope=a+b%3Ac",
		"body":   "audience=https%3A%2F%2Fapi.example&client_id=the+client&client_secret=" + escapedSecret + "&grant_type=client_credentials&scope=a+b%3Ac",
	} {
		b := &bank{expires: `, "expires_in": "3600"`}
		server := upstream(t, b.ServeHTTP)
		grant := grantOf(server.URL)
		grant.AuthStyle, grant.Scopes, grant.Audience = style, []string{"a", "b:c"}, "https://api.example"
		s := newSource(t, httpjson.Options{URL: server.URL, OAuth2: grant})
		for range 3 {
			if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{want}, b.requests) + cmp.Diff([]string{"Bearer token-1", "Bearer token-1", "Bearer token-1"}, b.shown); diff != "" {
			t.Errorf("%q: %s", style, diff)
		}
		if got := s.Stats(); got.Requests != 4 {
			t.Errorf("%q: %+v", style, got)
		}
	}
}

// TestOAuth2Renewal checks when a token is fetched again: by expires_in, also where that is
// absurd.
func TestOAuth2Renewal(t *testing.T) {
	const never = 100 * time.Hour // in these tests
	for expires, want := range map[string]time.Duration{
		`, "expires_in": 3600`:         59 * time.Minute,
		`, "expires_in": "3600"`:       59 * time.Minute,
		`, "expires_in": 10`:           9 * time.Second,
		`, "expires_in": 86400`:        24*time.Hour - time.Minute,
		`, "expires_in": 2147483647`:   24 * time.Hour,
		`, "expires_in": 99999999999`:  24 * time.Hour,
		`, "expires_in": 0`:            24 * time.Hour,
		`, "expires_in": -1`:           24 * time.Hour,
		`, "expires_in": -2147483649`:  24 * time.Hour,
		`, "expires_in": null`:         24 * time.Hour,
		``:                             24 * time.Hour,
		`, "expires_in": 3600.5`:       never, // no token at all
		`, "expires_in": "soon"`:       never,
		`, "expires_in": {"in": 3600}`: never,
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &bank{expires: expires}
			s := newSource(t, httpjson.Options{URL: "http://a.example", Transport: memoryUpstream(t, b.ServeHTTP), OAuth2: grantOf("http://b.example")})
			if _, err := s.Fetch(t.Context(), poller.Version{}); class(t, err) != map[bool]string{true: "token"}[want == never] {
				t.Errorf("%s: %v", expires, err)
			}
			if want == never {
				return
			}
			for _, at := range []struct {
				after  time.Duration
				tokens int
			}{{want - time.Millisecond, 1}, {2 * time.Millisecond, 2}} {
				time.Sleep(at.after)
				if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
					t.Errorf("%s: %v", expires, err)
				}
				if tokens, _ := b.counts(); tokens != at.tokens {
					t.Errorf("%s: %d tokens after %v, want %d", expires, tokens, at.after, at.tokens)
				}
			}
		})
	}
}

// unavailable answers 503.
func unavailable(w http.ResponseWriter, _ *http.Request, _ int) {
	w.WriteHeader(http.StatusServiceUnavailable)
}

// inMemory returns a source of documents and tokens of a bank, for a synctest bubble.
func (b *bank) inMemory(t *testing.T) *httpjson.Source {
	t.Helper()
	return newSource(t, httpjson.Options{URL: "http://a.example", Transport: memoryUpstream(t, b.ServeHTTP), OAuth2: grantOf("http://b.example")})
}

// fetches checks the class of a fetch, and how many requests for tokens and documents there
// were by then.
func (b *bank) fetches(t *testing.T, s *httpjson.Source, want string, tokens, documents int) (words string) {
	t.Helper()
	_, err := s.Fetch(t.Context(), poller.Version{})
	if class(t, err) != want {
		t.Errorf("%v, want class %q", err, want)
	}
	if gotTokens, gotDocuments := b.counts(); gotTokens != tokens || gotDocuments != documents {
		t.Errorf("%d requests for tokens and %d for documents, want %d and %d", gotTokens, gotDocuments, tokens, documents)
	}
	if err != nil {
		words = wordsOf(t, err)
	}
	return words
}

// TestOAuth2RenewalFails has a token endpoint that fails while the token is still valid, and
// longer.
func TestOAuth2RenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{expires: `, "expires_in": 100`}
		s := b.inMemory(t)
		b.fetches(t, s, "", 1, 1)
		b.change(func() { b.answer = unavailable })
		time.Sleep(91 * time.Second)
		b.fetches(t, s, "", 2, 2)
		b.fetches(t, s, "", 2, 3) // the failure counts for a second
		time.Sleep(time.Second)
		b.fetches(t, s, "", 3, 4)
		time.Sleep(9 * time.Second) // the token has ended
		b.fetches(t, s, "token", 4, 4)
		b.change(func() { b.answer = nil })
		time.Sleep(4 * time.Second)
		b.fetches(t, s, "", 5, 5)
	})
}

// TestOAuth2NotAccepted has an upstream that does not accept a token any more, and one that
// accepts none.
func TestOAuth2NotAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bank)
		s := b.inMemory(t)
		b.fetches(t, s, "", 1, 1)
		time.Sleep(10 * time.Second)
		b.change(func() { b.valid = "" })
		b.fetches(t, s, "", 2, 3) // the poll is repeated with the new token
		b.change(func() { b.valid = "" })
		const want = "the upstream answered 401 Unauthorized, with a new token"
		if words := b.fetches(t, s, "http_401", 2, 4); words != want { // which is too young
			t.Errorf("%q, want %q", words, want)
		}
		time.Sleep(time.Second)
		b.fetches(t, s, "", 3, 6) // a document has come with it
		b.change(func() { b.valid = "" })
		time.Sleep(time.Second)
		b.change(func() {
			b.answer = func(w http.ResponseWriter, _ *http.Request, _ int) {
				_, _ = io.WriteString(w, `{"access_token": "wrong"}`)
			}
		})
		if words := b.fetches(t, s, "http_401", 4, 8); words != want {
			t.Errorf("%q, want %q", words, want)
		}
		time.Sleep(9 * time.Second)
		b.fetches(t, s, "http_401", 4, 9)
		time.Sleep(time.Second)
		b.fetches(t, s, "http_401", 5, 11)
	})
}

// TestOAuth2Failures has a token endpoint that fails for a long time: how often it is asked
// does not depend on how many polls there are.
func TestOAuth2Failures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{answer: unavailable}
		s := b.inMemory(t)
		for range 1200 { // two minutes
			if _, err := s.Fetch(t.Context(), poller.Version{}); class(t, err) != "token" || wordsOf(t, err) != "no token: the token endpoint answered 503 Service Unavailable" {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		// After 1, 2, 4, 8, 16, 30, 30 and 30 s.
		if tokens, documents := b.counts(); tokens != 8 || documents != 0 {
			t.Errorf("%d requests for tokens, and %d for documents", tokens, documents)
		}
	})
}

// TestOAuth2Waits has a token endpoint that says when it wants to be asked again.
func TestOAuth2Waits(t *testing.T) {
	b := &bank{answer: func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	}}
	server := upstream(t, b.ServeHTTP)
	_, err := get(t, httpjson.Options{URL: server.URL, OAuth2: grantOf(server.URL)})
	failure, ok := errors.AsType[*poller.Error](err)
	if !ok || failure.Class != "token" || failure.Wait != 2*time.Minute || failure.Said != "Retry-After: 120" {
		t.Errorf("%+v", err)
	}
}

// TestOAuth2Attacks has token endpoints that are wrong, hostile or broken, and what an
// operator is told. No secret and no token is in it, whatever the endpoint sends back.
func TestOAuth2Attacks(t *testing.T) {
	elsewhere := upstream(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("elsewhere was asked for %s", r.URL) })
	other := strings.TrimPrefix(elsewhere.URL, "http://")
	answer := func(status int, media, body string) func(http.ResponseWriter, *http.Request, int) {
		return func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const media = "application/json"
	long := strings.Repeat("long ", 100)
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request, int)
		class  string
		words  string
	}{
		"a page":                    {answer(200, "text/html", "<!doctype html><title>Sign in</title>"), "token", "no token: the token endpoint answered 200 OK, but with no token: it is an HTML page"},
		"a page as text":            {answer(200, "text/plain", "<html>access_token"), "token", "no token: the token endpoint answered 200 OK, but with no token: it is an HTML page"},
		"a page with 503":           {answer(503, "text/html", "<!doctype html>"), "token", "no token: the token endpoint answered 503 Service Unavailable"},
		"nothing":                   {answer(204, media, ""), "token", "no token: the token endpoint answered 204 No Content, but with no token: its Content-Type is application/json"},
		"an error with 200":         {answer(200, media, `{"error": "invalid_scope", "error_description": "no such scope"}`), "token", "no token: the token endpoint answered 200 OK: invalid_scope (no such scope)"},
		"an error and a token":      {answer(200, media, `{"access_token": "token-1", "error": "slow_down"}`), "token", "no token: the token endpoint answered 200 OK: slow_down"},
		"a wrong client":            {answer(401, media, `{"error": "invalid_client"}`), "token", "no token: the token endpoint answered 401 Unauthorized: invalid_client; if it wants ID and secret in the body, set auth_style: body"},
		"an error as a form":        {answer(400, "application/x-www-form-urlencoded", "error=unauthorized_client&error_description=not+yours"), "token", "no token: the token endpoint answered 400 Bad Request: unauthorized_client (not yours)"},
		"a long description":        {answer(400, media, `{"error": "x", "error_description": "`+long+`"}`), "token", "no token: the token endpoint answered 400 Bad Request: x (" + long[:160] + "…)"},
		"control characters":        {answer(400, media, `{"error": "\u001b[31mred", "error_description": "x"}`), "token", "no token: the token endpoint answered 400 Bad Request"},
		"a description of controls": {answer(400, media, `{"error": "x", "error_description": "\u001b]0;title\u0007"}`), "token", "no token: the token endpoint answered 400 Bad Request: x"},
		"lines":                     {answer(400, media, `{"error": "x", "error_description": "a\r\nb\u0000"}`), "token", "no token: the token endpoint answered 400 Bad Request: x"},
		"another type":              {answer(200, media, `{"access_token": "token-1", "token_type": "mac"}`), "token", "no token: the token endpoint gave a token of another type (mac), want Bearer (RFC 6750)"},
		"a token as its type":       {answer(200, media, `{"access_token": "token-1", "token_type": "`+clientSecret+`"}`), "token", "no token: the token endpoint gave a token of another type, want Bearer (RFC 6750)"},
		"no token":                  {answer(200, media, `{"token_type": "bearer"}`), "token", "no token: the token endpoint answered 200 OK, but with no token: its access_token is missing, or a member has another type than RFC 6749 says"},
		"a token that is a number":  {answer(200, media, `{"access_token": 5}`), "token", "no token: the token endpoint answered 200 OK, but with no token: its access_token is missing, or a member has another type than RFC 6749 says"},
		"a list":                    {answer(200, media, `["token-1"]`), "token", "no token: the token endpoint answered 200 OK, but with no token: its access_token is missing, or a member has another type than RFC 6749 says"},
		"a token in broken JSON":    {answer(200, media, `{"access_token": "token-one", `), "token", "no token: the token endpoint answered 200 OK, but with no token: its Content-Type is application/json"},
		"a token that is a header":  {answer(200, media, `{"access_token": "a\r\nX-Injected: b"}`), "token", "no token: the token endpoint gave a token with characters that no header can have"},
		"a token of two words":      {answer(200, media, `{"access_token": "a b"}`), "token", "no token: the token endpoint gave a token with characters that no header can have"},
		"the secret":                {answer(400, media, `{"error": "x", "error_description": "`+clientSecret+` is wrong"}`), "token", "no token: the token endpoint answered 400 Bad Request: x"},
		"the secret as an error":    {answer(400, media, `{"error": "`+clientSecret+`"}`), "token", "no token: the token endpoint answered 400 Bad Request"},
		"the header that was sent": {func(w http.ResponseWriter, r *http.Request, _ int) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"error": "x", "error_description": %q}`, r.Header.Get("Authorization"))
		}, "token", "no token: the token endpoint answered 400 Bad Request: x"},
		"a redirect elsewhere": {func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, elsewhere.URL+"/?"+url.QueryEscape(clientSecret), http.StatusTemporaryRedirect)
		}, "token", "no token: the token endpoint redirects to " + other + " (307 Temporary Redirect), which is not followed: token_url has to be the address itself"},
		"a redirect without a place": {answer(302, media, ""), "token", "no token: the token endpoint redirects elsewhere (302 Found), which is not followed: token_url has to be the address itself"},
		"a redirect to the secret": {func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, "http://hunter2.example/", http.StatusFound)
		}, "token", "no token: the token endpoint redirects elsewhere (302 Found), which is not followed: token_url has to be the address itself"},
		"too much":           {answer(200, media, `{"access_token": "`+strings.Repeat("x", 64<<10)+`"}`), "too_large", "no token: the answer of the token endpoint is larger than 65536 bytes"},
		"packed differently": {func(w http.ResponseWriter, _ *http.Request, _ int) { w.Header().Set("Content-Encoding", "br") }, "encoding", "no token: the answer of the token endpoint has an encoding that was not asked for, or a broken one"},
		"JSON as text":       {answer(200, "text/plain", ` {"access_token": "token-1"}`), "", ""},
		"a form":             {answer(200, "application/x-www-form-urlencoded", "access_token=token-1&expires_in=99999999999999"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bank{answer: test.answer, valid: "token-1"}
			server := upstream(t, b.ServeHTTP)
			reading, err := get(t, httpjson.Options{URL: server.URL, OAuth2: grantOf(server.URL), RedirectHosts: []string{other}})
			if class(t, err) != test.class {
				t.Fatalf("%v, want class %q", err, test.class)
			}
			if err == nil {
				if string(reading.Document) != `{"n":1}` {
					t.Errorf("%s", reading.Document)
				}
				return
			}
			if words := wordsOf(t, err); words != test.words {
				t.Errorf("%q\nwant\n%q", words, test.words)
			}
			if len(b.shown) > 0 {
				t.Errorf("the upstream was shown %q", b.shown)
			}
		})
	}
}

// TestOAuth2Unreachable has token endpoints that cannot be reached.
func TestOAuth2Unreachable(t *testing.T) {
	documents := upstream(t, func(http.ResponseWriter, *http.Request) { t.Error("a document was asked for without a token") })
	closed := upstream(t, func(http.ResponseWriter, *http.Request) {})
	closed.Close()
	for _, test := range []struct{ to, class, words string }{
		{closed.URL, "connect", "no token: the upstream at " + strings.TrimPrefix(closed.URL, "http://") + " refuses connections"},
		{"http://169.254.169.254", "forbidden_address", "no token: the address 169.254.169.254 is refused: link-local (RFC 3927), where most clouds have their metadata"},
	} {
		s := newSource(t, httpjson.Options{URL: documents.URL, OAuth2: grantOf(test.to)})
		_, err := s.Fetch(t.Context(), poller.Version{})
		if class(t, err) != test.class || wordsOf(t, err) != test.words {
			t.Errorf("%s: %v", test.to, err)
		}
		if test.class == "forbidden_address" && s.Stats().Refused != 1 {
			t.Errorf("%+v", s.Stats())
		}
	}
}

// TestOAuth2Slow has a token endpoint that does not answer.
func TestOAuth2Slow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memoryUpstream(t, func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/token" {
				t.Error("a document was asked for without a token")
			}
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
		s := newSource(t, httpjson.Options{URL: "http://a.example", Transport: transport, OAuth2: grantOf("http://b.example")})
		ctx, cancel := poller.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.Fetch(ctx, poller.Version{}); class(t, err) != "timeout" || wordsOf(t, err) != "no token: there was no answer within 50ms, which is timeout" {
			t.Error(err)
		}
	})
}

// TestOAuth2Away has a redirect to another host, which does not get the token, and whose 401
// says nothing of it.
func TestOAuth2Away(t *testing.T) {
	var shown []string
	away := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusUnauthorized)
	})
	b := new(bank)
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, away.URL, http.StatusFound)
			return
		}
		b.ServeHTTP(w, r)
	}).URL
	_, err := get(t, httpjson.Options{URL: server + "/moved", OAuth2: grantOf(server), RedirectHosts: []string{strings.TrimPrefix(away.URL, "http://")}})
	if class(t, err) != "http_401" || wordsOf(t, err) != "the upstream answered 401 Unauthorized" || len(b.requests) != 1 {
		t.Errorf("%v, %d tokens", err, len(b.requests))
	}
	if diff := cmp.Diff([]string{""}, shown); diff != "" {
		t.Error(diff)
	}
}

// TestOAuth2SecretFile has a secret that is rotated.
func TestOAuth2SecretFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "secret")
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("first\n")
		secret := "first"
		b := &bank{expires: `, "expires_in": 10`}
		b.answer = func(w http.ResponseWriter, r *http.Request, n int) {
			if _, got, _ := r.BasicAuth(); got != secret {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, `{"error": "invalid_client"}`)
				return
			}
			b.valid = fmt.Sprint("token-", n)
			_, _ = fmt.Fprintf(w, `{"access_token": %q, "expires_in": 10}`, b.valid)
		}
		grant := grantOf("http://b.example")
		grant.ClientSecret, grant.ClientSecretFile = "", file
		s := newSource(t, httpjson.Options{URL: "http://a.example", Transport: memoryUpstream(t, b.ServeHTTP), OAuth2: grant})
		b.fetches(t, s, "", 1, 1)
		time.Sleep(10 * time.Second)
		b.change(func() { secret = "second" })
		b.fetches(t, s, "token", 2, 1)
		b.fetches(t, s, "token", 2, 1) // the failure counts for a second
		write("second")
		b.fetches(t, s, "", 3, 2) // but not with another secret

		// The file changes within the resolution of its time: it is read again when the secret
		// is refused.
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		b.change(func() { secret = "sEcond" })
		write("sEcond")
		if err := os.Chtimes(file, time.Time{}, info.ModTime()); err != nil {
			t.Fatal(err)
		}
		b.fetches(t, s, "", 5, 3)
		write("")
		time.Sleep(10 * time.Second)
		b.fetches(t, s, "", 6, 4) // somebody is writing it
	})
}

// TestOAuth2Shared has sources that share a token, and some that must not.
func TestOAuth2Shared(t *testing.T) {
	b := new(bank)
	server := upstream(t, b.ServeHTTP)
	transports := httpjson.NewTransports(nil)
	source := func(change func(*httpjson.Options)) *httpjson.Source {
		opts := httpjson.Options{URL: server.URL, OAuth2: grantOf(server.URL), Transports: transports}
		if change != nil {
			change(&opts)
		}
		return newSource(t, opts)
	}
	fetch := func(s *httpjson.Source, tokens int) {
		t.Helper()
		_, _ = s.Fetch(t.Context(), poller.Version{}) // an older token is not accepted here
		if got, _ := b.counts(); got != tokens {
			t.Errorf("%d tokens, want %d", got, tokens)
		}
	}
	a, same := source(nil), source(func(o *httpjson.Options) { o.URL += "/another" })
	fetch(a, 1)
	fetch(same, 1)
	for i, change := range []func(*httpjson.Options){
		func(o *httpjson.Options) { o.OAuth2.ClientID = "another" },
		func(o *httpjson.Options) { o.OAuth2.ClientSecret = "another" },
		func(o *httpjson.Options) { o.OAuth2.Scopes = []string{"a"} },
		func(o *httpjson.Options) { o.OAuth2.Audience = "a" },
		func(o *httpjson.Options) { o.OAuth2.AuthStyle = httpjson.AuthBody },
		func(o *httpjson.Options) { o.OAuth2.TokenURL += "?a" },
	} {
		fetch(source(change), i+2)
	}
	_ = a.Close()
	fetch(same, 7) // which keeps it
	_ = same.Close()
	fetch(same, 8)
}

// TestOAuth2Keys has many keys at once, which share one request for a token.
func TestOAuth2Keys(t *testing.T) {
	b := new(bank)
	server := upstream(t, b.ServeHTTP)
	k, err := httpjson.NewKeyed(httpjson.Options{URL: server.URL + "/{key}", OAuth2: grantOf(server.URL), Parallel: 20}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, err := k.FetchKeys(t.Context(), []string{fmt.Sprint(i)}, poller.Version{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if tokens, documents := b.counts(); tokens != 1 || documents != 20 {
		t.Errorf("%d tokens, %d documents", tokens, documents)
	}
}

// TestOAuth2Impatient has two polls that need a token. The one that asks for it gives up,
// which is no failure of the other one.
func TestOAuth2Impatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bank)
		transport := memoryUpstream(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				time.Sleep(2 * time.Second)
			}
			b.ServeHTTP(w, r)
		})
		k, err := httpjson.NewKeyed(httpjson.Options{URL: "http://a.example/{key}", Transport: transport, OAuth2: grantOf("http://b.example")}, false)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = k.Close() }()
		fetch := func(patience time.Duration) error {
			ctx, cancel := poller.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := k.FetchKeys(ctx, []string{"a"}, poller.Version{})
			return err
		}
		var all sync.WaitGroup
		all.Go(func() {
			if err := fetch(time.Second); class(t, err) != "timeout" || wordsOf(t, err) != "no token: there was no answer within 1s, which is timeout" {
				t.Error(err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if err := fetch(500 * time.Millisecond); class(t, err) != "timeout" || wordsOf(t, err) != "no token: there was no answer within 500ms, which is timeout" {
				t.Error(err)
			}
		})
		if err := fetch(10 * time.Second); err != nil {
			t.Error(err)
		}
		all.Wait()
	})
}

// TestOAuth2Mistakes has options that are refused. No error quotes the secret.
func TestOAuth2Mistakes(t *testing.T) {
	for _, test := range []struct {
		change func(*httpjson.Options)
		want   string
	}{
		{func(o *httpjson.Options) { o.OAuth2.TokenURL = "" }, "httpjson: OAuth2.TokenURL: want an absolute http or https URL with a host, for example https://login.example.com/oauth2/token"},
		{func(o *httpjson.Options) { o.OAuth2.TokenURL = "https://a:hunter2@b.example" }, "httpjson: OAuth2.TokenURL: want no user and no #fragment in it"},
		{func(o *httpjson.Options) { o.OAuth2.TokenURL = "https://b.example/{key}" }, "httpjson: OAuth2.TokenURL: want no { and no }"},
		{func(o *httpjson.Options) { o.OAuth2.ClientID = "" }, "httpjson: OAuth2.ClientID is empty"},
		{func(o *httpjson.Options) { o.OAuth2.ClientSecret = "" }, "httpjson: OAuth2.ClientSecret or ClientSecretFile: want one of them"},
		{func(o *httpjson.Options) { o.OAuth2.ClientSecretFile = "a" }, "httpjson: OAuth2.ClientSecret or ClientSecretFile: want one of them"},
		{func(o *httpjson.Options) { o.OAuth2.ClientSecret, o.OAuth2.ClientSecretFile = "", "/none" }, "httpjson: open /none: no such file or directory"},
		{func(o *httpjson.Options) { o.OAuth2.AuthStyle = "auto" }, `httpjson: OAuth2.AuthStyle is "auto", want one of ["header" "body"]`},
		{func(o *httpjson.Options) { o.OAuth2.Scopes = []string{"a b"} }, `httpjson: OAuth2.Scopes has "a b": want ASCII characters without space, " and \`},
		{func(o *httpjson.Options) { o.Header = http.Header{"authorization": {"x"}} }, "httpjson: OAuth2.TokenURL, and a header Authorization, want one of them"},
		{func(o *httpjson.Options) { o.URL = "http://a:b@c.example" }, "httpjson: OAuth2.TokenURL, and a user in the URL, want one of them"},
	} {
		opts := httpjson.Options{URL: "http://a.example", OAuth2: grantOf("http://b.example")}
		test.change(&opts)
		_, err := httpjson.New(opts)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v\nwant\n%s", err, test.want)
		}
	}
}

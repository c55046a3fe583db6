package pollux

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/poller/httpjson"
)

const keysURL = "https://login.example/keys"

// issuerNet answers for the issuer of keysURL, and for every other server.
type issuerNet struct {
	mu       sync.Mutex
	location string // where the issuer redirects to; "" for the keys themselves
	keys     string
	asked    []string
}

func (n *issuerNet) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, r.URL.String())
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(n.keys)), Request: r}
	if r.URL.String() == keysURL && n.location != "" {
		answer.StatusCode = http.StatusFound
		answer.Header.Set("Location", n.location)
	}
	return answer, nil
}

// Attack: an issuer that redirects inwards. An attacker who can have it redirect
// would choose the keys, or have Pollux ask what only this machine can reach. Nothing there is asked, and no
// token is valid by what is there.
func TestKeysThatRedirectInwards(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	keys := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":%q}]}`, encode(public))
	claims := fmt.Sprintf(`{"iss":"x","aud":"y","exp":%d,"subscribe":["*"]}`, time.Now().Add(time.Hour).Unix())
	token := encode([]byte(`{"alg":"EdDSA","kid":"a"}`)) + "." + encode([]byte(claims))
	token += "." + encode(ed25519.Sign(private, []byte(token)))
	for _, test := range []struct {
		location string
		valid    bool
	}{
		{"", true}, {"/other", true}, {"https://login.example:443/other", true},
		{"https://169.254.169.254/latest/meta-data", false}, {"https://localhost/keys", false}, {"https://127.0.0.1/keys", false}, {"https://[::1]/keys", false},
		{"https://10.0.0.1/keys", false}, {"https://login.example:8443/keys", false}, {"https://login.example.evil.example/keys", false}, {"//evil.example/keys", false},
		{"http://login.example/keys", false}, {"http://login.example:443/keys", false}, {"file:///etc/keys", false},
	} {
		t.Run(test.location, func(t *testing.T) {
			n := &issuerNet{location: test.location, keys: keys}
			fetch, err := KeysFrom(httpjson.Options{URL: keysURL, Transport: n})
			if err != nil {
				t.Fatal(err)
			}
			v, err := auth.New(auth.Options{JWT: &auth.JWT{Algorithm: "EdDSA", Keys: fetch, Issuer: "x", Audience: "y"}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			var told error
			v.Run(ctx, func(_ bool, err error) { told = err; stop() })
			if ok, failed := v.Fetches(); (ok == 1) != test.valid || ok+failed != 1 {
				t.Errorf("%d fetches and %d failures are counted", ok, failed)
			}
			if (told == nil) != test.valid {
				t.Errorf("the keys: %v", told)
			}
			if _, err = v.Verify(t.Context(), token); (err == nil) != test.valid {
				t.Errorf("the token: %v", err)
			}
			for _, asked := range n.asked {
				if !strings.HasPrefix(asked, "https://login.example/") && !strings.HasPrefix(asked, "https://login.example:443/") {
					t.Errorf("asked %s", asked)
				}
			}
		})
	}
}

// Fetches of the keys are counted where the issuer is asked, also while none succeeds.
func TestKeyFetchesAreCounted(t *testing.T) {
	token, made := auth.NewStatic(auth.Static{Name: "all", Subscribe: auth.Patterns{"*"}})
	refused := func(context.Context) ([]byte, error) { return nil, errors.New("the issuer is away") }
	p := newPollux(t, Options{
		Listen: []string{"127.0.0.1:0"},
		Tokens: &auth.Options{Static: []auth.Static{made}, JWT: &auth.JWT{Keys: refused, Issuer: "x", Audience: "y"}},
	})
	stop := run(t, p)
	request := "GET /metrics HTTP/1.0\r\nAuthorization: Bearer " + token + "\r\n\r\n"
	for !strings.Contains(converse(t, dial(t, p), request), "\npollux_issuer_fetches_total{result=\"failed\"} 1\n") {
		continue
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

type resolver map[string]netip.Addr

func (r resolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	return []netip.Addr{r[host]}, nil
}

// The name of an issuer may not lead to addresses of this machine's link either, and with
// deny_private to none that is private.
func TestKeysAtForbiddenAddresses(t *testing.T) {
	for address, denies := range map[string]bool{"169.254.169.254": false, "fe80::1": false, "10.0.0.1": true, "127.0.0.1": true, "::ffff:127.0.0.1": true} {
		dialled := false
		fetch, err := KeysFrom(httpjson.Options{
			URL: keysURL, DenyPrivate: denies, Resolver: resolver{"login.example": netip.MustParseAddr(address)},
			Dial: func(context.Context, string, string) (net.Conn, error) {
				dialled = true
				return nil, errors.New("dialled")
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fetch(t.Context()); err == nil || dialled {
			t.Errorf("%s: dialled %v, %v", address, dialled, err)
		}
	}
	for _, url := range []string{"http://login.example/keys", "login.example", ""} {
		if _, err := KeysFrom(httpjson.Options{URL: url}); err == nil {
			t.Errorf("%q is no mistake", url)
		}
	}
}

// The server of an issuer may have a certificate of an authority of its own.
func TestKeysWithAnAuthority(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	transports := httpjson.NewTransports(nil)
	for authority, want := range map[string]string{file: `{"keys":[]}`, "": ""} {
		fetch, err := KeysFrom(httpjson.Options{URL: server.URL, Transports: transports, TLS: httpjson.TLS{CAFile: authority}})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fetch(t.Context()); string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %s, %v", authority, got, err)
		}
	}
}

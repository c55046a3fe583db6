package httpjson_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// identity is a certificate that signs itself, and its key, in files.
type identity struct {
	certFile, keyFile string
	certificate       *x509.Certificate
	pair              tls.Certificate
}

// newIdentity makes a certificate for 127.0.0.1 and these names.
func newIdentity(t *testing.T, names ...string) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: names, IPAddresses: []net.IP{{127, 0, 0, 1}}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	i := identity{certFile: filepath.Join(folder, "tls.crt"), keyFile: filepath.Join(folder, "tls.key")}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, text := range map[string][]byte{i.certFile: certPEM, i.keyFile: keyPEM} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if i.pair, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	i.certificate = i.pair.Leaf
	return i
}

// copyOver replaces a file by another one, as Kubernetes does.
func copyOver(t *testing.T, to, from string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(to+".new", to); err != nil {
		t.Fatal(err)
	}
}

// visitors are the serial numbers of the certificates that a server was shown.
type visitors struct {
	mu    sync.Mutex
	shown []string
}

// secureUpstream serves a document with a certificate, and closes each connection.
func secureUpstream(t *testing.T, with identity, change func(*tls.Config), handler http.HandlerFunc) (url string, seen *visitors) {
	t.Helper()
	seen = new(visitors)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := "none"
		if certificates := r.TLS.PeerCertificates; len(certificates) > 0 {
			shown = certificates[0].SerialNumber.String()
		}
		seen.mu.Lock()
		seen.shown = append(seen.shown, shown)
		seen.mu.Unlock()
		w.Header().Set("Connection", "close")
		handler(w, r)
	}))
	server.Config.ErrorLog = discardLog()
	server.TLS = &tls.Config{Certificates: []tls.Certificate{with.pair}, MinVersion: tls.VersionTLS12}
	if change != nil {
		change(server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, seen
}

func oneDocument(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "1") }

// TestTLS has servers with certificates of all kinds.
func TestTLS(t *testing.T) {
	ours, other := newIdentity(t, "api.example.com"), newIdentity(t, "api.example.com")
	url, _ := secureUpstream(t, ours, nil, oneDocument)
	old, _ := secureUpstream(t, ours, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, oneDocument)
	byName := strings.Replace(url, "127.0.0.1", "localhost", 1)
	for _, test := range []struct {
		name string
		url  string
		tls  httpjson.TLS
		want string // words; empty for a document
	}{
		{"no authority", url, httpjson.TLS{}, "the certificate of the upstream is signed by an unknown authority, which ca_file can name"},
		{"authority", url, httpjson.TLS{CAFile: ours.certFile}, ""},
		{"another authority", url, httpjson.TLS{CAFile: other.certFile}, "the certificate of the upstream is signed by an unknown authority, which ca_file can name"},
		{"another host", byName, httpjson.TLS{CAFile: ours.certFile}, "the certificate of the upstream is not for localhost, but for api.example.com; server_name can say which"},
		{"its name", byName, httpjson.TLS{CAFile: ours.certFile, ServerName: "api.example.com"}, ""},
		{"another name", url, httpjson.TLS{CAFile: ours.certFile, ServerName: "b.example.com"}, "the certificate of the upstream is not for b.example.com, but for api.example.com; server_name can say which"},
		{"any certificate", byName, httpjson.TLS{InsecureSkipVerify: true}, ""},
		{"any certificate, whatever the authority", url, httpjson.TLS{CAFile: other.certFile, InsecureSkipVerify: true}, ""},
		{"TLS 1.2", old, httpjson.TLS{CAFile: ours.certFile}, ""},
		{"TLS 1.3 alone", old, httpjson.TLS{CAFile: ours.certFile, MinVersion: tls.VersionTLS13}, "the upstream speaks no version of TLS that min_version allows"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, opts := range []httpjson.Options{{}, {Transports: httpjson.NewTransports(nil)}} {
				opts.URL, opts.TLS = test.url, test.tls
				reading, err := get(t, opts)
				switch {
				case test.want == "" && (err != nil || string(reading.Document) != "1"):
					t.Errorf("%v", err)
				case test.want != "" && (class(t, err) != "tls" || wordsOf(t, err) != test.want):
					t.Errorf("%v, want %s", err, test.want)
				}
			}
		})
	}
}

// TestClientCertificateIsShown has an upstream that asks for a certificate, and redirects to
// another host, which gets none and has to have one of an authority of the system.
func TestClientCertificateIsShown(t *testing.T) {
	server, client := newIdentity(t), newIdentity(t)
	asks := func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }
	elsewhere, others := secureUpstream(t, server, asks, oneDocument)
	url, seen := secureUpstream(t, server, asks, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, elsewhere, http.StatusFound)
			return
		}
		oneDocument(w, r)
	})
	opts := httpjson.Options{
		URL: url, RedirectHosts: []string{strings.TrimPrefix(elsewhere, "https://")},
		TLS: httpjson.TLS{CAFile: server.certFile, CertFile: client.certFile, KeyFile: client.keyFile},
	}
	if _, err := get(t, opts); err != nil {
		t.Error(err)
	}
	opts.URL += "/away"
	if _, err := get(t, opts); class(t, err) != "tls" || wordsOf(t, err) != "the certificate of the upstream is signed by an unknown authority, which ca_file can name" {
		t.Error(err)
	}
	s := newSource(t, opts)
	s.TrustAway(server.certificate)
	if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
		t.Error(err)
	}
	serial := client.certificate.SerialNumber.String()
	if got := strings.Join(seen.shown, " "); got != serial+" "+serial+" "+serial {
		t.Errorf("the host was shown %s, want %s each time", got, serial)
	}
	if got := strings.Join(others.shown, " "); got != "none" {
		t.Errorf("the other host was shown %s", got)
	}
}

// TestFilesAreReadAgain replaces authority and certificate while a source is in use. A file
// that is wrong changes nothing.
func TestFilesAreReadAgain(t *testing.T) {
	server, another, client, next := newIdentity(t), newIdentity(t), newIdentity(t), newIdentity(t)
	url, seen := secureUpstream(t, server, func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }, oneDocument)
	folder := t.TempDir()
	files := httpjson.TLS{CAFile: filepath.Join(folder, "ca"), CertFile: filepath.Join(folder, "crt"), KeyFile: filepath.Join(folder, "key")}
	copyOver(t, files.CAFile, another.certFile)
	copyOver(t, files.CertFile, client.certFile)
	copyOver(t, files.KeyFile, client.keyFile)
	s := newSource(t, httpjson.Options{URL: url, TLS: files})
	fetch := func(want string) {
		t.Helper()
		if _, err := s.Fetch(t.Context(), poller.Version{}); class(t, err) != want {
			t.Errorf("%v, want class %q", err, want)
		}
	}
	fetch("tls")
	copyOver(t, files.CAFile, server.certFile)
	fetch("")
	copyOver(t, files.CertFile, next.certFile) // and not its key yet
	fetch("")
	copyOver(t, files.KeyFile, next.keyFile)
	fetch("")
	if err := os.Remove(files.CAFile); err != nil {
		t.Fatal(err)
	}
	fetch("")
	if err := os.WriteFile(files.CertFile, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	fetch("")
	before, after := client.certificate.SerialNumber.String(), next.certificate.SerialNumber.String()
	if got, want := strings.Join(seen.shown, " "), strings.Join([]string{before, before, after, after, after}, " "); got != want {
		t.Errorf("shown %s, want %s", got, want)
	}
}

// TestTLSOptions has options that are refused.
func TestTLSOptions(t *testing.T) {
	ours, other := newIdentity(t), newIdentity(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]httpjson.Options{
		"no key":           {TLS: httpjson.TLS{CertFile: ours.certFile}},
		"no certificate":   {TLS: httpjson.TLS{KeyFile: ours.keyFile}},
		"another key":      {TLS: httpjson.TLS{CertFile: ours.certFile, KeyFile: other.keyFile}},
		"no file":          {TLS: httpjson.TLS{CAFile: empty + "none"}},
		"an empty file":    {TLS: httpjson.TLS{CAFile: empty}},
		"a proxy with TLS": {TLS: httpjson.TLS{CAFile: ours.certFile}, Proxy: "HTTPS://proxy.example"},
		"their transport":  {TLS: httpjson.TLS{CAFile: ours.certFile}, Transport: http.DefaultTransport},
	} {
		opts.URL = "https://upstream.example"
		if _, err := httpjson.New(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	opts := httpjson.Options{URL: "https://upstream.example", Proxy: "http://proxy.example", TLS: httpjson.TLS{CAFile: ours.certFile, CertFile: ours.certFile, KeyFile: ours.keyFile}}
	if _, err := httpjson.New(opts); err != nil {
		t.Error(err)
	}
}

package listen

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/polluxhub/pollux/internal/leak"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// The certificates of a real authority are in deploy/test/acme.

// When a Keeper ends, the requests to the authority end, and a client that waits for a
// certificate gets none. Nothing is left behind.
func TestEndWhileACertificateIsObtained(t *testing.T) {
	before := goleak.IgnoreCurrent()
	asked, ended := make(chan struct{}), make(chan struct{})
	var once sync.Once
	authority := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(asked) })
		<-r.Context().Done() // it never answers
		close(ended)
	}))
	const domain = "live.example.com"
	k, err := NewKeeper(TLS{ACME: ACME{Domains: []string{domain}, Cache: filepath.Join(t.TempDir(), "acme"), Directory: authority.URL, Client: authority.Client()}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	go func() { returned <- k.Run(ctx) }()
	<-asked
	if !k.Ends().IsZero() {
		t.Error("a certificate that nobody has ends")
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := k.Config().GetCertificate(&tls.ClientHelloInfo{ServerName: domain, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
		waiting <- err
	}()
	stop()
	for name, end := range map[string]<-chan error{"Run": returned, "a client that waits": waiting} {
		select {
		case err := <-end:
			if (err == nil) != (name == "Run") {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s does not end", name)
		}
	}
	<-ended
	authority.Close()
	leak.Check(t, before)
}

// A certificate in files ends when it says.
func TestEnds(t *testing.T) {
	certFile, keyFile := listentest.NewCertificate(t).Files(t)
	k, err := NewKeeper(TLS{CertFile: certFile, KeyFile: keyFile}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := k.Config().GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if end := k.Ends(); !end.Equal(certificate.Leaf.NotAfter) || end.IsZero() {
		t.Errorf("it ends at %v, want %v", end, certificate.Leaf.NotAfter)
	}
	var none *Keeper
	if !none.Ends().IsZero() {
		t.Error("no certificate ends")
	}
}

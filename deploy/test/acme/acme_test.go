// Package acme obtains a certificate from Pebble, the authority that Let's Encrypt
// tests clients of ACME with, on loopback.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/challtestsrv"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/internal/capture"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

const domain = "live.pollux.example"

// authority is a Pebble.
type authority struct {
	directory string
	client    *http.Client
	root      *x509.CertPool
	orders    atomic.Int64
}

// startAuthority starts a Pebble for which every name leads to a port of this machine.
func startAuthority(t *testing.T, port int) *authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0") // so that orders can be counted
	quiet := log.New(io.Discard, "", 0)

	resolver, err := net.ListenPacket("udp", "127.0.0.1:0") // only for a free port
	if err != nil {
		t.Fatal(err)
	}
	address := resolver.LocalAddr().String()
	_ = resolver.Close()
	names, err := challtestsrv.New(challtestsrv.Config{DNSAddrs: []string{address}, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	names.SetDefaultDNSIPv4("127.0.0.1")
	names.SetDefaultDNSIPv6("")
	go names.Run()
	t.Cleanup(names.Shutdown)

	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "the default"}})
	validator := va.New(quiet, 0, port, false, address, store)
	front := wfe.New(quiet, store, validator, issuer, []string{"pebble.example"}, false, false, 0, 0)
	a := &authority{root: x509.NewCertPool()}
	handler := front.Handler()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/order-plz") {
			a.orders.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.directory, a.client = server.URL+wfe.DirectoryPath, server.Client()
	a.root.AppendCertsFromPEM(issuer.GetRootCert(0).PEM())
	return a
}

// serve runs Pollux with certificates of the authority until stop is called.
func serve(t *testing.T, listener net.Listener, a *authority, cache string, logger io.Writer) (stop func()) {
	t.Helper()
	p, err := pollux.New(pollux.Options{
		Listeners: []net.Listener{listener}, Drain: -1,
		Logger: slog.New(slog.NewTextHandler(logger, nil)),
		TLS:    pollux.TLS{ACME: pollux.ACME{Domains: []string{domain}, Cache: cache, Directory: a.directory, Client: a.client}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// dial connects by TLS for a name, and returns the state of the connection.
func dial(t *testing.T, address, name string, a *authority) (tls.ConnectionState, error) {
	t.Helper()
	dialer := &tls.Dialer{
		NetDialer: &net.Dialer{Timeout: time.Minute},
		Config:    &tls.Config{ServerName: name, RootCAs: a.root, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}},
	}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState(), nil
}

// remaining returns the time until the certificate ends, as the metrics have it.
func remaining(t *testing.T, address string, a *authority) time.Duration {
	t.Helper()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: a.root, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	resp, err := client.Get("https://" + domain + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, value, _ := strings.Cut(string(text), "\npollux_certificate_remaining_seconds ")
	value, _, _ = strings.Cut(value, "\n")
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

// A certificate is obtained at the start, serves HTTP/2, and is in the cache for the next
// start. Other names get none, and cause no order.
func TestACME(t *testing.T) {
	address := listentest.FreeAddress(t) // nobody else gets it before the restart
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	a := startAuthority(t, listener.Addr().(*net.TCPAddr).Port)
	cache := filepath.Join(t.TempDir(), "acme")
	log := new(capture.Output)
	stop := serve(t, listener, a, cache, log)
	for begin := time.Now(); !strings.Contains(log.String(), "certificate in force"); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("no certificate without a client, the log:\n%s", log)
		}
	}
	state, err := dial(t, address, domain, a)
	if err != nil {
		t.Fatalf("%v, the log:\n%s", err, log)
	}
	if state.NegotiatedProtocol != "h2" || len(state.VerifiedChains) == 0 {
		t.Errorf("%+v", state)
	}
	if left := remaining(t, address, a); left < 24*time.Hour || left > 10*365*24*time.Hour {
		t.Errorf("the certificate ends in %v", left)
	}
	for _, name := range []string{"evil.example", "", "x." + domain} {
		if _, err := dial(t, address, name, a); err == nil {
			t.Errorf("there is a certificate for %q", name)
		}
	}
	if n := a.orders.Load(); n != 1 {
		t.Errorf("%d orders, want 1", n)
	}
	stop()
	if strings.Contains(log.String(), "no certificate") {
		t.Errorf("the log:\n%s", log)
	}

	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	stop = serve(t, again, a, cache, log)
	defer stop()
	if next, err := dial(t, address, strings.ToUpper(domain), a); err != nil || !next.PeerCertificates[0].Equal(state.PeerCertificates[0]) {
		t.Errorf("after a restart: %v, or another certificate", err)
	}
	if n := a.orders.Load(); n != 1 {
		t.Errorf("%d orders after a restart, want 1", n)
	}
}

// An authority that refuses is in the log, once in a minute, however many clients come.
func TestACMEFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := startAuthority(t, 1) // where nobody answers
	log := new(capture.Output)
	stop := serve(t, listener, a, t.TempDir(), log)
	for range 5 {
		if _, err := dial(t, listener.Addr().String(), domain, a); err == nil {
			t.Error("there is a certificate")
		}
	}
	stop()
	if at, clients := strings.Count(log.String(), `msg="no certificate"`), strings.Count(log.String(), `msg="no certificate for a client"`); at > 1 || clients != 1 {
		t.Errorf("%d and %d records:\n%s", at, clients, log)
	}
}

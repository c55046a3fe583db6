package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/time/rate"
)

// DefaultDirectory is the default of ACME.Directory: Let's Encrypt.
const DefaultDirectory = autocert.DefaultACMEDirectory

const (
	// obtainAgain is how long after a failure the certificate of a name is asked for
	// again, if no client asks before. Let's Encrypt allows five failures an hour.
	obtainAgain = time.Hour

	// EndWait bounds how long Keeper.Run takes to return.
	EndWait = 250 * time.Millisecond

	// warnEvery is how often the log reports at most that a client got no certificate.
	warnEvery = time.Minute
)

// ACME says how certificates are obtained from an authority (RFC 8555), and renewed, which
// accepts its terms. The authority proves that a name leads here by a TLS connection to
// port 443 of it (tls-alpn-01, RFC 8737). Challenges on port 80 are not answered: port 443
// has to lead here anyway, and the other port would be a second door, without TLS.
type ACME struct {
	// Domains are the names to have certificates for. Other names get none.
	Domains []string

	// Email is told to the authority, for notices. It can be empty.
	Email string

	// Cache is a folder that keeps the account and the certificates. It is made if it
	// does not exist, for this user alone. Required, because authorities limit how many
	// certificates a name gets in a week.
	Cache string

	// Directory is the URL of the directory of the authority. Empty means
	// DefaultDirectory.
	Directory string

	// Client sends the requests to the authority. Nil means http.DefaultClient.
	Client *http.Client
}

// errOtherName is the answer to a client that asks for a name that is not in Domains, or
// for none, as scanners do. It is not logged.
var errOtherName = errors.New("listen: there is no certificate for that name")

// obtained are the certificates of an authority.
type obtained struct {
	domains []string
	manager *autocert.Manager
	warn    *rate.Limiter
	log     *slog.Logger
	has     sync.Map // the domains for which run has obtained a certificate
	cancel  func()   // cancels the requests to the authority
}

func newObtained(a ACME, log *slog.Logger) (*obtained, error) {
	if a.Cache == "" {
		return nil, errors.New("listen: ACME.Domains without ACME.Cache")
	}
	if a.Directory == "" {
		a.Directory = DefaultDirectory
	}
	client, cancel := cancelled(a.Client)
	domains := make([]string, len(a.Domains))
	for i, domain := range a.Domains {
		domains[i] = strings.ToLower(domain)
	}
	return &obtained{
		domains: domains,
		manager: &autocert.Manager{
			Prompt:     autocert.AcceptTOS,
			Cache:      autocert.DirCache(a.Cache),
			HostPolicy: autocert.HostWhitelist(domains...),
			Email:      a.Email,
			Client:     &acme.Client{DirectoryURL: a.Directory, HTTPClient: client, UserAgent: "pollux"},
		},
		warn:   rate.NewLimiter(rate.Every(warnEvery), 1),
		log:    log,
		cancel: cancel,
	}, nil
}

// config returns a configuration that offers these protocols, and answers the authority as
// well.
func (o *obtained) config(offers []string) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: o.certificate,
		NextProtos:     append(slices.Clone(offers), acme.ALPNProto),
	}
}

// certificate is for [tls.Config.GetCertificate]. The first client of a name waits until
// there is a certificate, as long as it may take for its handshake.
func (o *obtained) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if !slices.Contains(o.domains, strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))) {
		return nil, errOtherName
	}
	certificate, err := o.manager.GetCertificate(hello)
	if err != nil && o.warn.Allow() {
		o.log.Error("no certificate for a client", "name", hello.ServerName, "error", err)
	}
	return certificate, err
}

// ends returns when the first of the certificates ends, zero without any. The manager has
// those in memory.
func (o *obtained) ends() (first time.Time) {
	o.has.Range(func(name, _ any) bool {
		domain, _ := name.(string)
		if certificate, err := o.manager.GetCertificate(helloOf(domain)); err == nil {
			if end := certificate.Leaf.NotAfter; first.IsZero() || end.Before(first) {
				first = end
			}
		}
		return true
	})
	return first
}

// helloOf is the beginning of a handshake for a domain, of a client that has elliptic curves,
// as all have.
func helloOf(domain string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName:       domain,
		CipherSuites:     []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		SupportedCurves:  []tls.CurveID{tls.CurveP256},
	}
}

// run obtains the certificates that are not in the cache, so that no client waits for
// them, until ctx ends. Requests to the authority are then cancelled, and none is sent any
// more. run waits for that, but not longer than EndWait: what pauses between two requests
// ends by itself when it would send the next one.
func (o *obtained) run(ctx context.Context) {
	defer context.AfterFunc(ctx, o.cancel)()
	var obtaining sync.WaitGroup
	for _, domain := range o.domains {
		obtaining.Go(func() { o.obtain(ctx, domain) })
	}
	obtaining.Wait()
	<-ctx.Done()
}

func (o *obtained) obtain(ctx context.Context, domain string) {
	for {
		done := make(chan error, 1)
		go func() { // the manager does not know ctx, and gives up after five minutes
			certificate, err := o.manager.GetCertificate(helloOf(domain))
			if err == nil {
				o.has.Store(domain, true)
				logCertificate(o.log, certificate)
			}
			done <- err
		}()
		var err error
		select {
		case err = <-done:
		case <-ctx.Done():
			select {
			case <-done: //nolint:errcheck // it was cancelled
			case <-time.After(EndWait):
			}
			return
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		o.log.Error("no certificate", "name", domain, "error", err, "again", time.Now().Add(obtainAgain).UTC().Format(time.RFC3339))
		select {
		case <-time.After(obtainAgain):
		case <-ctx.Done():
			return
		}
	}
}

// logCertificate tells the log which certificate is in force from now on.
func logCertificate(log *slog.Logger, certificate *tls.Certificate) {
	leaf := certificate.Leaf
	log.Info("certificate in force", "names", leaf.DNSNames, "issuer", leaf.Issuer.CommonName, "until", leaf.NotAfter.UTC().Format(time.RFC3339))
}

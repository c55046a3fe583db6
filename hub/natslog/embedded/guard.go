package embedded

import (
	"crypto/ed25519"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"sync/atomic"
	"time"
)

// Guard says which servers belong to a cluster. Both kinds use TLS 1.3, and each side shows
// a certificate, so that a stranger who reaches the port, or who answers at the address of
// a route, learns nothing and is not talked to.
type Guard interface {
	// Check returns what is wrong with the guard: a weak secret, or a file that is no
	// certificate. The error has no secret.
	Check() error

	config() (*tls.Config, error)
}

// MinSecret is the least number of bytes of a Secret.
const MinSecret = 32

// Secret is a guard that all servers share. It is never sent: the key of the certificate,
// which is the same for all servers, is derived from it. The public key is visible to
// any program that connects, and a secret that can be guessed can be tested with it, so it
// has to be random.
type Secret string

// Check implements [Guard].
func (s Secret) Check() error {
	if len(s) < MinSecret {
		return fmt.Errorf("want a secret of at least %d bytes, for example of openssl rand -hex 32", MinSecret)
	}
	return nil
}

const (
	secretSalt   = "pollux cluster 1"
	secretRounds = 200_000

	// secretName is the name in the certificate of a Secret.
	secretName = "cluster.pollux.internal"
)

func (s Secret) config() (*tls.Config, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	seed, err := pbkdf2.Key(sha256.New, string(s), []byte(secretSalt), secretRounds, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: secretName}, DNSNames: []string{secretName},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	own, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	all := x509.NewCertPool()
	all.AddCert(own)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: own}},
		RootCAs:      all, ClientCAs: all, ClientAuth: tls.RequireAndVerifyClientCert,
		ServerName: secretName, MinVersion: tls.VersionTLS13,
	}, nil
}

// Certificates are a guard by mutual TLS: PEM files with the certificate of this server, its
// key, and the authorities of which each server of the cluster has one. A certificate is for
// both ends of a connection, and has the host of its server in Routes as a name. Certificate
// and key are read again for each connection, and those in force stay after a mistake. The
// authorities are read at the start.
type Certificates struct {
	CertFile, KeyFile, CAFile string
}

// Check implements [Guard].
func (c Certificates) Check() error {
	_, err := c.config()
	return err
}

func (c Certificates) config() (*tls.Config, error) {
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, err
	}
	all := x509.NewCertPool()
	if !all.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: want a PEM file with certificates", c.CAFile)
	}
	first, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("%s with %s: %w", c.CertFile, c.KeyFile, err)
	}
	var current atomic.Pointer[tls.Certificate]
	current.Store(&first)
	now := func() *tls.Certificate {
		if next, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err == nil {
			current.Store(&next)
		} // else one of the two may be replaced already, and the other not
		return current.Load()
	}
	return &tls.Config{
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return now(), nil },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return now(), nil },
		RootCAs:              all, ClientCAs: all, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13,
	}, nil
}

package httpjson

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// TLS says which certificates the host of the URL may have, and which one it is shown. It
// does not hold for hosts to which a redirect leads: these may have a certificate of an
// authority of the system, and are shown none. The zero value is the same for the host of
// the URL.
type TLS struct {
	// CAFile is a PEM file with the authorities that count instead of those of the system.
	CAFile string

	// CertFile and KeyFile are PEM files with the certificate to show, its chain and its
	// key. Either none or both are set. A new connection then does not continue the session
	// of an old one.
	CertFile, KeyFile string

	// ServerName is the name that the certificate of the host has to be for, and that is
	// sent in the handshake. Empty means the host of the URL.
	ServerName string

	// MinVersion is the lowest version of TLS. 0 means TLS 1.2.
	MinVersion uint16

	// InsecureSkipVerify accepts any certificate. An attacker on the network can then read
	// and change everything.
	InsecureSkipVerify bool
}

// The files are read before each handshake if they have changed. If a file is wrong then,
// what it had before counts.

// verify returns the mistakes in the options about TLS, those in files included.
func (o *TLS) verify() error {
	if (o.CertFile == "") != (o.KeyFile == "") {
		return errors.New("httpjson: TLS has a CertFile or a KeyFile, want both")
	}
	_, err := o.config("")
	return err
}

// config returns the configuration for connections to a host. It reads the files.
func (o *TLS) config(host string) (*tls.Config, error) {
	c := &tls.Config{
		ServerName:         o.ServerName,
		MinVersion:         max(o.MinVersion, tls.VersionTLS12),
		InsecureSkipVerify: o.InsecureSkipVerify, //nolint:gosec // the operator says so in words
		ClientSessionCache: tls.NewLRUClientSessionCache(sessions),
	}
	if o.CertFile != "" {
		pair, err := newFresh(func(texts [][]byte) (*tls.Certificate, error) {
			certificate, err := tls.X509KeyPair(texts[0], texts[1])
			return &certificate, err
		}, o.CertFile, o.KeyFile)
		if err != nil {
			return nil, err
		}
		c.ClientSessionCache = nil // a session that goes on shows no certificate, but counts as shown the old one
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.get(), nil }
	}
	if o.CAFile != "" && !o.InsecureSkipVerify {
		authorities, err := newFresh(parseAuthorities, o.CAFile)
		if err != nil {
			return nil, err
		}
		// The authorities may change while the configuration is in use, so the chain is
		// verified here in place of crypto/tls.
		c.InsecureSkipVerify = true
		if o.ServerName != "" {
			host = o.ServerName
		}
		c.VerifyConnection = func(state tls.ConnectionState) error {
			return verifyChain(state.PeerCertificates, host, authorities.get())
		}
	}
	return c, nil
}

// parseAuthorities returns the certificates in a PEM file.
func parseAuthorities(texts [][]byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(texts[0]) {
		return nil, errors.New("it has no certificate in PEM")
	}
	return pool, nil
}

// verifyChain verifies what a server has shown, as crypto/tls does.
func verifyChain(chain []*x509.Certificate, host string, authorities *x509.CertPool) error {
	if len(chain) == 0 {
		return errors.New("the server has shown no certificate")
	}
	options := x509.VerifyOptions{DNSName: host, Roots: authorities, Intermediates: x509.NewCertPool()}
	for _, certificate := range chain[1:] {
		options.Intermediates.AddCert(certificate)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
	}
	return nil
}

// TLSVersions are the words for MinVersion, of which the first one is the default.
func TLSVersions() []string { return []string{"1.2", "1.3"} }

// ParseTLSVersion returns the MinVersion for one of TLSVersions: 0 for the default, and for
// the empty text.
func ParseTLSVersion(text string) (uint16, error) {
	switch text {
	case "", "1.2":
		return 0, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("want one of %q", TLSVersions())
}

// CheckServerName returns nil for a name that TLS.ServerName may have.
func CheckServerName(text string) error {
	if !isHostname(text) {
		return errors.New("want the name of a host, for example api.example.com")
	}
	return nil
}

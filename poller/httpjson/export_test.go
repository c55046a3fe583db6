package httpjson

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// Trust makes a source with its own transport trust an authority, which otherwise only
// the configuration of the system can.
func (c *client) Trust(authority *x509.Certificate) {
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
}

package httpjson

import (
	"crypto/x509"
	"net/http"
)

// Trust makes a source with its own transport trust an authority, which otherwise only
// the configuration of the system can.
func (c *client) Trust(authority *x509.Certificate) {
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	c.reach().http.Transport.(*http.Transport).TLSClientConfig.RootCAs = pool
}

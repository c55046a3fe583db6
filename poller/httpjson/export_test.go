package httpjson

import (
	"crypto/x509"
	"net/http"
)

// Trust makes a source with its own transport trust an authority, which otherwise only
// the configuration of the system can.
func (c *client) Trust(authority *x509.Certificate) { c.trust(true, authority) }

// TrustAway makes it trust an authority for hosts to which redirects lead.
func (c *client) TrustAway(authority *x509.Certificate) { c.trust(false, authority) }

func (c *client) trust(isHome bool, authority *x509.Certificate) {
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	c.reach(isHome).http.Transport.(*http.Transport).TLSClientConfig.RootCAs = pool
}

// Convert turns a body into a document, without a server.
func Convert(opts Options, body []byte) ([]byte, error) {
	c := &client{format: opts.Format, charset: opts.Charset, stripPrefix: opts.StripPrefix, maxBody: DefaultMaxBody}
	converted, failure := c.convert(http.Header{}, body)
	if failure != nil {
		return nil, failure
	}
	return converted, nil
}

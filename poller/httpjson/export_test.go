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

// Convert turns a body into a document, without a server.
func Convert(opts Options, body []byte) ([]byte, error) {
	c := &client{format: opts.Format, charset: opts.Charset, stripPrefix: opts.StripPrefix, maxBody: DefaultMaxBody}
	converted, failure := c.convert(http.Header{}, body)
	if failure != nil {
		return nil, failure
	}
	return converted, nil
}

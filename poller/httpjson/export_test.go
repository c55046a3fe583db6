package httpjson

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// Trust has a source with a transport of its own believe certificates of an
// authority, as only the system's configuration can otherwise.
func (s *Source) Trust(authority *x509.Certificate) {
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	s.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
}

package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"

	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/internal/endpoint"
	"github.com/polluxhub/pollux/internal/listen"
)

// reached is a pollux on this machine that a command asks.
type reached struct {
	network, address string
	local            bool   // no other machine can reach it
	secure           bool   // HTTPS
	proxied          bool   // it expects a header of the PROXY protocol
	name             string // that it has a certificate for; "" if it has one for any
	token            string // "" for none
}

// reach returns the pollux that serves with these settings at an address, nil if the
// address does not tell where that is.
func reach(address string, settings *config.Config) *reached {
	at, err := endpoint.Parse(address)
	if err != nil {
		return nil
	}
	network, address, known := at.Dial()
	if !known {
		return nil
	}
	r := &reached{
		network: network, address: address, local: at.IsLocal(),
		secure:  (settings.TLSCertFile != nil || len(settings.ACMEDomains) > 0) && network == endpoint.TCP,
		proxied: *settings.ProxyProtocol == "on" && listen.Trusts(settings.TrustedProxies, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}),
	}
	if len(settings.ACMEDomains) > 0 {
		r.name = settings.ACMEDomains[0]
	}
	return r
}

// asOperator asks the address for operators: with its token, without the PROXY protocol,
// and without TLS if no other machine can reach it.
func (r *reached) asOperator(settings *config.Config) {
	r.proxied, r.secure, r.token = false, r.secure && !r.local, settings.AdminToken.Reveal()
}

// ask sends a request. Nothing of the environment (a proxy, say) comes between.
func (r *reached) ask(ctx context.Context, method, path string) (*http.Response, error) {
	target := url.URL{ // which escapes an IPv6 zone
		Scheme: "http", Host: "localhost", Path: path,
	}
	if r.secure {
		target.Scheme = "https"
	}
	if r.network == endpoint.TCP {
		target.Host = r.address
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return nil, err
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return r.dial(ctx) },
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, ServerName: r.name}, //nolint:gosec // the certificate is for another name, and this machine is asked
	}}
	return client.Do(req)
}

func (r *reached) dial(ctx context.Context) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, r.network, r.address)
	if err != nil || !r.proxied {
		return conn, err
	}
	return conn, listen.Unproxied(conn)
}

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/polluxhub/pollux"
)

// The bounds of connections to an origin.
const (
	followDialTimeout   = 5 * time.Second
	followAnswerTimeout = 15 * time.Second
	followIdle          = time.Minute
	maxTokenFile        = 64 << 10
)

// following returns whom the program follows, or nil.
func (c *serveCommand) following() (*pollux.Follow, error) {
	if len(c.Follow) == 0 {
		return nil, nil //nolint:nilnil // nobody
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: followDialTimeout}).DialContext,
		TLSHandshakeTimeout:   followDialTimeout,
		ResponseHeaderTimeout: followAnswerTimeout,
		IdleConnTimeout:       followIdle,
		ForceAttemptHTTP2:     true,
	}
	if file := given(c.FollowCAFile); file != "" {
		authorities, err := readAuthorities(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Where("follow-ca-file"), err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}
	}
	token := func() (string, error) { return "", nil }
	if file := given(c.FollowTokenFile); file != "" {
		token = func() (string, error) { return readToken(file) }
		if _, err := token(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Where("follow-token-file"), err)
		}
	}
	return &pollux.Follow{Origins: c.Follow, Token: token, Client: &http.Client{Transport: transport}}, nil
}

func readAuthorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("want a PEM file with certificates")
	}
	return pool, nil
}

// readToken returns the token in a file. The error does not quote it.
func readToken(file string) (string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(token) > maxTokenFile || strings.ContainsAny(token, " \t\r\n") {
		return "", errors.New("want one token in the file " + file)
	}
	return token, nil
}

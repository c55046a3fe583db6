package httpjson

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/polluxhub/pollux/poller"
)

// worded is an error whose text is for operators, with the cause for errors.Is.
type worded struct {
	words string
	cause error // may be nil
}

func (e *worded) Error() string { return e.words }
func (e *worded) Unwrap() error { return e.cause }

// fail returns the error of a class with words for operators.
func fail(class, words string, cause error) *poller.Error {
	return &poller.Error{Class: class, Err: &worded{words, cause}}
}

// failStatus returns the error of an answer with a status other than 200. The text is
// that of net/http, not the reason phrase that the upstream sent.
func failStatus(status int) *poller.Error {
	return fail(fmt.Sprintf("http_%03d", status), "the upstream answered "+statusWords(status), nil)
}

func statusWords(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// within completes the words of a timeout. patience is how long the poll was allowed to
// take; 0 if another limit was exceeded.
func within(classed *poller.Error, patience time.Duration) {
	end := " in time"
	if patience > 0 {
		end = " within " + twoDigits(patience).String()
	}
	classed.Err = &worded{classed.Err.Error() + end, classed.Err}
}

// twoDigits rounds a time to two digits: a poll that began a moment late was allowed
// the same time as the others.
func twoDigits(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 100 {
		unit *= 10
	}
	return d.Round(unit)
}

// connectWords returns why there is no connection.
func connectWords(op *net.OpError) string {
	whom := "the upstream"
	if op.Op == "proxyconnect" {
		whom = "the proxy"
	}
	inner := op
	for errors.As(inner.Err, &inner) {
	}
	if inner.Addr != nil {
		whom += " at " + inner.Addr.String()
	}
	var number syscall.Errno
	switch {
	case errors.Is(op, syscall.ECONNREFUSED):
		return whom + " refuses connections"
	case errors.Is(op, syscall.ENETUNREACH), errors.Is(op, syscall.EHOSTUNREACH):
		return "no route to " + whom
	case errors.Is(op, syscall.EMFILE), errors.Is(op, syscall.ENFILE):
		return "there is no file descriptor left for a connection to " + whom
	case errors.As(op, &number):
		return "no connection to " + whom + ": " + number.Error()
	}
	return "no connection to " + whom
}

// dnsWords returns why a name has no address.
func dnsWords(err *net.DNSError) string {
	if err.IsNotFound {
		return "the name " + err.Name + " is not known"
	}
	return "the name " + err.Name + " could not be looked up"
}

// tlsWords returns why a handshake failed.
func tlsWords(err error) string {
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "the certificate of the upstream is signed by an unknown authority"
	case errors.As(err, &host):
		return "the certificate of the upstream is not for " + host.Host
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil && time.Now().Before(invalid.Cert.NotBefore):
		return "the certificate of the upstream is not valid before " + invalid.Cert.NotBefore.UTC().Format(time.DateTime) + " UTC"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return "the certificate of the upstream expired at " + invalid.Cert.NotAfter.UTC().Format(time.DateTime) + " UTC"
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return "the certificate of the upstream is not valid"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return "the upstream does not speak TLS on this port"
	case errors.As(err, &alert):
		return "the upstream broke off the TLS handshake: " + strings.TrimPrefix(alert.Error(), "tls: ")
	}
	return "the TLS handshake failed"
}

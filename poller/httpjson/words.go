package httpjson

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
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

// prefixed returns the failure with words before its own.
func prefixed(what string, failure *poller.Error) *poller.Error {
	failure.Err = &worded{what + ": " + failure.Err.Error(), failure.Err}
	return failure
}

// failStatus returns the error of an answer whose body is not the document. The text is
// that of net/http, not the reason phrase that the upstream sent. The error of a challenge
// (RFC 6750 section 3) follows it, and what the body is if it is a page for people. How that
// begins is not quoted, because it may repeat the request. The note says what was done
// before, if there is one.
func (c *client) failStatus(status int, header http.Header, start []byte, note string) *poller.Error {
	text := "the upstream answered " + statusWords(status)
	if note != "" {
		text += ", " + note
	}
	if reason := challengeError(header); slices.Contains(challenges, reason) || reason != "" && !c.isSecret(reason) {
		text += ": " + reason
	}
	if kind := shapeOf(header, start); kind != nil && len(start) > 0 {
		text += ", and " + kind.words
	}
	return fail(fmt.Sprintf("http_%03d", status), text, nil)
}

// challenges are the errors that RFC 6750 section 3.1 names. They are quoted also if a secret
// has one of their words in it.
var challenges = []string{"invalid_request", "invalid_token", "insufficient_scope"}

// challengeError returns the parameter error of WWW-Authenticate, if it is one of the words
// that RFC 6749 section 5.2 allows there.
func challengeError(header http.Header) string {
	for member := range members(header.Values("WWW-Authenticate"), ',') {
		_, value, found := strings.Cut(member, "error=")
		value = unquote(strings.TrimSpace(value))
		if found && value != "" && len(value) <= mostQuoted && !strings.ContainsFunc(value, isNoWord) {
			return value
		}
	}
	return ""
}

// isNoWord reports whether a character is none of a code such as invalid_token.
func isNoWord(r rune) bool { return (r < 'a' || r > 'z') && r != '_' && r != '-' }

func statusWords(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// within completes the words of a timeout. patience is the timeout of the poll, and 0 if
// another limit was exceeded.
func within(classed *poller.Error, patience time.Duration) {
	end := " in time"
	if patience > 0 {
		end = " within " + patience.String() + ", which is timeout"
	}
	classed.Err = &worded{classed.Err.Error() + end, classed.Err}
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
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "the certificate of the upstream is signed by an unknown authority, which ca_file can name"
	case errors.As(err, &host):
		return "the certificate of the upstream is not for " + host.Host + namesWords(host.Certificate)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil && time.Now().Before(invalid.Cert.NotBefore):
		return "the certificate of the upstream is not valid before " + invalid.Cert.NotBefore.UTC().Format(time.DateTime) + " UTC"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return "the certificate of the upstream expired at " + invalid.Cert.NotAfter.UTC().Format(time.DateTime) + " UTC"
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return "the certificate of the upstream is not valid"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return "the upstream does not speak TLS on this port"
	}
	return alertWords(err)
}

// mostNames is how many names of a certificate an operator sees.
const mostNames = 5

// namesWords returns for which names a certificate is.
func namesWords(certificate *x509.Certificate) string {
	if certificate == nil || len(certificate.DNSNames) == 0 {
		return ""
	}
	names := certificate.DNSNames[:min(len(certificate.DNSNames), mostNames)]
	return ", but for " + printable(strings.Join(names, ", ")) + "; server_name can say which"
}

// alertWords returns what the upstream said when it ended the connection by an alert (RFC
// 8446 section 6.2). Package crypto/tls has no values for alerts. TLS 1.3 asks for a
// certificate after the handshake, and older versions only say that the handshake failed.
func alertWords(err error) string {
	const version = "the upstream speaks no version of TLS that min_version allows"
	op, ok := errors.AsType[*net.OpError](err)
	switch {
	case strings.Contains(err.Error(), "tls: server selected unsupported protocol version"):
		return version
	case !ok || op.Op != remoteError:
		return "the TLS handshake failed"
	}
	switch text := strings.TrimPrefix(op.Err.Error(), "tls: "); text {
	case "certificate required", "bad certificate":
		return "the upstream asks for a client certificate, which cert_file and key_file can name"
	case "handshake failure":
		return "the upstream broke off the TLS handshake, as it does if it asks for a client certificate"
	case "protocol version not supported":
		return version
	default:
		return "the upstream broke off the TLS connection: " + text
	}
}

// remoteError is the operation in an error of crypto/tls that was caused by an alert.
const remoteError = "remote error"

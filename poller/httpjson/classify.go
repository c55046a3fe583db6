package httpjson

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// Classes of failures, beside "http_" and a status.
const (
	classTimeout        = poller.ClassTimeout  // the context's deadline, or one of the network
	classDNS            = "dns"                // the host's name has no address
	classConnect        = "connect"            // refused, unreachable
	classTLS            = "tls"                // handshake or certificate
	classDisconnected   = "disconnected"       // the connection was lost before the response
	classProtocol       = "protocol"           // the response is not valid HTTP
	classHeaderTooLarge = "header_too_large"   // the headers of the response
	classRedirect       = "redirect"           // a redirect that is not followed
	classForbidden      = "forbidden_address"  // the guard refused
	classProxy          = "proxy"              // the proxy refused to connect
	classTooLarge       = poller.ClassTooLarge // the body
	classTruncated      = "truncated"          // the connection was lost within the body
	classEncoding       = "encoding"           // broken gzip, or another encoding
	classFormat         = "format"             // the body is not in Options.Format
	classToken          = "token"              // the token endpoint gave none
	classLogin          = "login"              // the login was not answered by a success
	classCanceled       = "canceled"           // the context was cancelled
	classError          = poller.ClassError    // the request could not be made; New checks that it can
)

// phase is how far a request got.
type phase struct {
	handshake       bool // a TLS handshake had begun and not ended
	handshakeFailed bool
	connected       bool
}

// words says what was missing when the time was over.
func (p phase) words() string {
	switch {
	case p.connected:
		return "there was no answer"
	case p.handshake:
		return "the TLS handshake did not end"
	default:
		return "there was no connection"
	}
}

// classifyRequest returns the error of a request that got no response. The words
// for a timeout are completed by within.
func classifyRequest(err error, at phase) *poller.Error {
	if wrapper, ok := errors.AsType[*url.Error](err); ok {
		err = wrapper.Err // the wrapper quotes the URL
	}
	var classed *poller.Error
	var refused *guard.RefusedError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &classed): // the proxy
		return classed
	case errors.As(err, &refused):
		return fail(classForbidden, refused.Words(), refused)
	case errors.As(err, &dns) && dns.IsTimeout:
		return fail(classTimeout, "the name server did not answer for "+dns.Name, err)
	case isTimeout(err):
		return fail(classTimeout, at.words(), err)
	case errors.Is(err, context.Canceled):
		return fail(classCanceled, "the poll was cancelled", err)
	case errors.As(err, &dns):
		return fail(classDNS, dnsWords(dns), err)
	case at.handshakeFailed, errors.As(err, &op) && op.Op == remoteError:
		return fail(classTLS, tlsWords(err), err)
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"):
		return fail(classConnect, connectWords(op), err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op):
		return fail(classDisconnected, "the connection was lost before there was an answer", err)
	case isHeaderTooLarge(err):
		return fail(classHeaderTooLarge, fmt.Sprintf("the headers of the answer are larger than %d bytes", maxResponseHeader), nil)
	default: // the text of err quotes the answer
		return fail(classProtocol, "the answer is not valid HTTP", nil)
	}
}

// classifyBody returns the error of a body that could not be read. came says how much of it
// was, see hearing.words.
func classifyBody(err error, limit int64, came string) *poller.Error {
	var corrupt flate.CorruptInputError
	switch {
	case isTimeout(err):
		return fail(classTimeout, "the answer did not end"+came, err)
	case errors.Is(err, context.Canceled):
		return fail(classCanceled, "the poll was cancelled", err)
	case errors.Is(err, errTooLarge):
		return tooLarge(limit, 0)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return fail(classEncoding, "the gzip of the answer is broken", err)
	default: // the text of err may quote the answer
		return fail(classTruncated, "the connection was lost within the answer"+came, nil)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// isHeaderTooLarge recognizes the errors by their text: net/http has no values for
// them. A test against a real server fails when their text changes.
func isHeaderTooLarge(err error) bool {
	text := err.Error()
	return strings.Contains(text, "server response headers exceeded") || // HTTP/1.1
		strings.Contains(text, "response header list larger than advertised limit") // HTTP/2
}

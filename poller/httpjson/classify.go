package httpjson

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// Classes of failures, beside "http_" and a status.
const (
	classTimeout        = "timeout"           // the context's deadline, or one of the network
	classDNS            = "dns"               // the host's name has no address
	classConnect        = "connect"           // refused, unreachable
	classTLS            = "tls"               // handshake or certificate
	classDisconnected   = "disconnected"      // connection lost before the response
	classProtocol       = "protocol"          // what came is not HTTP as it should be
	classHeaderTooLarge = "header_too_large"  // the response's headers
	classRedirect       = "redirect"          // one that is not followed
	classForbidden      = "forbidden_address" // the guard refused
	classProxy          = "proxy"             // it refused to connect
	classTooLarge       = "too_large"         // the body
	classTruncated      = "truncated"         // connection lost within the body
	classEncoding       = "encoding"          // broken gzip, or another encoding
	classInvalidJSON    = "invalid_json"      // not exactly one JSON document
	classRequest        = "request"           // the request could not be made
	classCanceled       = "canceled"          // the context was cancelled
)

func fail(class string, err error) error { return &poller.Error{Class: class, Err: err} }

// classifyRequest returns the error of a request that got no response.
func classifyRequest(err error, handshakeFailed bool) error {
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
		return fail(classForbidden, refused)
	case isTimeout(err):
		return fail(classTimeout, err)
	case errors.Is(err, context.Canceled):
		return fail(classCanceled, err)
	case errors.As(err, &dns):
		return fail(classDNS, err)
	case handshakeFailed:
		return fail(classTLS, err)
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"):
		return fail(classConnect, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op):
		return fail(classDisconnected, err)
	case isHeaderTooLarge(err):
		return fail(classHeaderTooLarge, errors.New("headers of the response too large"))
	default: // whose text quotes what came
		return fail(classProtocol, errors.New("response is not valid HTTP"))
	}
}

// classifyBody returns the error of a body that could not be read.
func classifyBody(err error, limit int64) error {
	var corrupt flate.CorruptInputError
	switch {
	case isTimeout(err):
		return fail(classTimeout, err)
	case errors.Is(err, context.Canceled):
		return fail(classCanceled, err)
	case errors.Is(err, errTooLarge):
		return tooLarge(limit)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return fail(classEncoding, err)
	default: // whose text may quote what came
		return fail(classTruncated, errors.New("connection lost within the body"))
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// isHeaderTooLarge knows the errors by their text: net/http has no values for
// them. The test against a real server tells when that changes.
func isHeaderTooLarge(err error) bool {
	text := err.Error()
	return strings.Contains(text, "server response headers exceeded") || // HTTP/1.1
		strings.Contains(text, "response header list larger than advertised limit") // HTTP/2
}

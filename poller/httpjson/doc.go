// Package httpjson is a source that gets a JSON document by HTTP. See [New].
//
// # What counts as a document
//
// A response with status 200 whose body, unpacked, is exactly one JSON document
// of at most MaxBody bytes; its Content-Type is not looked at, because too many
// servers send a wrong one. 304 (RFC 9110 section 15.4.5) says that nothing has
// changed, and is accepted only in answer to a validator. Every other status,
// 2xx as well, is a failure of the class "http_" and the status.
//
// # What is sent
//
// The configured headers; Accept, Accept-Encoding and User-Agent where these do
// not say otherwise; ETag and Last-Modified as the upstream gave them, in
// If-None-Match and If-Modified-Since (section 13.1). A user in the URL becomes
// an Authorization header. There are no cookies, and no proxy from the
// environment.
//
// Up to three redirects are followed, to the same host and port only; http may
// become https, never the reverse. So configured headers never reach another
// host. No Referer is sent.
//
// # Limits
//
// The context bounds the time. The unpacked body, the body as it travels, and
// the response's headers are bounded each; whatever is larger is not read to its
// end. Certificates are verified, HTTP/2 is used where offered, and connections
// are kept for the next fetch.
//
// # Errors
//
// Each is a *poller.Error. Its class is one of those in classify.go. Its text
// holds neither URL, header nor content.
//
// # Concurrency
//
// A Source may be used from several goroutines. It starts none of its own, but
// an open connection has two of net/http until Close.
package httpjson

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
// GET, or POST with a configured body. The configured headers; Accept,
// Accept-Encoding and User-Agent where these do not say otherwise. With GET, ETag
// and Last-Modified as the upstream gave them, in If-None-Match and
// If-Modified-Since (section 13.1), once they can be relied on: an answer that
// says when the document was modified must be at least a second younger than that
// by its own Date, else neither is kept (section 8.8.2.2). A user in the URL becomes an Authorization
// header. There are no cookies, and no proxy but a configured one.
//
// # Redirects
//
// Up to three are followed, to the same host and port, or where RedirectHosts
// allows. http may become https, never the reverse; on one host that is from
// port 80 to 443, or on the port that there is. From another host on, no
// configured header is sent any more, back on the first host neither, but for
// UserAgent, and ETag and Last-Modified. 301, 302 and 303 make a GET of a POST;
// 307 and 308 repeat it on the same host, and are refused to another. No Referer
// is sent.
//
// # Hints of the upstream
//
// Retry-After of a status from 400 on (section 10.2.3), and what Options.Respect
// lists, become the Wait of a reading or an error: the longest, and at most
// poller.MaxWait. A hint that cannot be parsed is ignored. Dates are compared with the
// response's own Date if it has one. A reset of a rate limit is seconds from now
// below 1,000,000,000, and seconds since 1970 from there on; what remains of the
// limit is spread over the time until then.
//
// # Connections
//
// One request is in flight at a time; other fetches wait. Connections are kept
// for the next fetch. If a kept one is lost before any byte of the answer, the
// request is sent once more, a POST as well, on a new one, within the time that
// the context leaves. HTTP/2 is used where offered. Certificates are verified.
//
// A connection by which an answer did not come, or not whole, is closed, whatever
// the reason, so the next fetch has a new one. An HTTP/2 connection on which nothing
// came for 15 s is asked for a sign of life, and closed if that does not come within
// 10 s. A connection that is not used for two minutes is closed.
//
// # Guard
//
// Package guard judges each address that is dialled, after resolution and for
// every hop. A configured host may be private. Link-local addresses and those of
// metadata services never may; private ones neither after a redirect from a
// public one, nor for a name that was public before, as long as the Source lives.
// With a proxy it is the proxy's address that is judged, and hosts in URLs if
// they are written as addresses; where the proxy connects to cannot be known.
//
// # Limits
//
// The context bounds the time. The unpacked body, the body as it travels, and
// the response's headers are bounded each; whatever is larger is not read to its
// end.
//
// # Errors
//
// Each is a *poller.Error. Its class is one of those in classify.go. Its text is
// for a person, and holds no URL, header or content: at most the name of a host, an
// address, a status, a limit.
//
// # Concurrency
//
// A Source may be used from several goroutines. It starts none that outlives the
// call but in connecting, which takes 30 s at most, and the two of net/http that
// an open connection has until Close.
package httpjson

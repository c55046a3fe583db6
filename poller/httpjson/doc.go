// Package httpjson is a source that gets a JSON document by HTTP. See [New] for one URL,
// and [NewKeyed] for a URL with a place for keys.
//
// # What counts as a document
//
// The document is the unpacked body of a response with status 200 or 203, or with one of
// AcceptStatus. It has at most MaxBody bytes, and is turned into JSON if it has another
// Format. The poller checks that it is JSON. The Content-Type is ignored, because too
// many servers send a wrong one. 304 (RFC 9110 section 15.4.5) says that nothing has
// changed, and is accepted only in answer to a validator. Only an answer with a status of
// 2xx gives validators. Every other status, including other 2xx, is a failure of the
// class "http_" and the status.
//
// # Keys
//
// The URL or the body of a Keyed has places, {key} for one key and {keys} for several
// with commas between them. A key is escaped for the place in which it stands: as a
// segment of the path, as a value of the query or of a form, as a JSON string, or as a
// part of one. Within a language that stands in a JSON string, such as GraphQL, a key is
// not escaped for that language. The scheme, the user, the host and the headers have no
// place, so the guard and the redirects judge what they judge without keys.
//
// # What is sent
//
// The request is a GET, or a POST with a configured body. It has the configured
// headers, and defaults of Accept, Accept-Encoding and User-Agent. A GET sends ETag
// and Last-Modified as the upstream gave them, in If-None-Match and If-Modified-Since
// (section 13.1), once they can be relied on: by the Date of the answer, the document
// must have been modified at least a second before; otherwise neither is kept
// (section 8.8.2.2). A user in the URL becomes an Authorization header. There are no
// cookies unless Options.Cookies or Options.Login is set, and no proxy except a configured
// one.
//
// # Tokens and logins
//
// With Options.OAuth2 a token is fetched before the first request and renewed before it
// ends, within the time of the fetch that needs it. Only the host of the URL gets the
// token. If that host answers 401, the request is sent once more with a new token.
// Options.Login is a request that is sent in the same way; the other requests then send
// its cookies.
//
// # Redirects
//
// Up to three are followed, to the same host and port or to RedirectHosts. http may
// become https, never the reverse; on one host that is from port 80 to 443, or on the
// same port. After a redirect to another host no configured header is sent any more,
// not even after a redirect back, except UserAgent and the validators. 301, 302 and
// 303 turn a POST into a GET. 307 and 308 repeat the POST on the same host, and are
// refused to another host. No Referer is sent.
//
// # Hints of the upstream
//
// Retry-After and X-RateLimit-Retry-After of a status from 400 on (section 10.2.3), and
// what Options.Respect lists, become the Wait of a reading or an error: the longest.
// wait.go has a table of the headers, and a list of the forms of their values. A hint that
// cannot be parsed is ignored. Dates are compared with the Date of the response if it has
// one. A number below 1,000,000,000 is seconds from now; from there on it is a time since
// 1970. The remaining requests are
// spread over the time until the reset.
//
// # Connections
//
// A Source has one request in flight at a time; other fetches wait. A Keyed sends as
// many at once as it is asked for. Connections are kept for the next fetch, as many as
// Options.Parallel says, or as it takes for all Sources that share them, see [Transports].
// If a kept connection is lost before any byte of the answer, the request, even a POST,
// is sent once more on a new connection, within the time that the context leaves. HTTP/2 is used where offered. Certificates are verified.
//
// If an answer does not come, or not completely, its connection is closed, whatever
// the reason, so the next fetch has a new one. An HTTP/2 connection that several fetches
// share is kept if it has brought something for others meanwhile. A new connection
// continues the TLS session of an old one.
//
// After 15 s without data a ping is sent on an HTTP/2 connection, which is closed if no
// answer comes within 10 s. A connection that is not used for two minutes is closed.
//
// # Guard
//
// Package guard checks each address that is dialled, after resolution and for each
// hop. A configured host may be private. Link-local addresses and those of metadata
// services are always refused. Private addresses are refused after a redirect from a
// public one, and for a name that was public before, as long as the Source lives. With
// a proxy, the guard checks the address of the proxy, and hosts in URLs that are
// written as addresses; it cannot know where the proxy connects.
//
// # Limits
//
// The context bounds the time. The unpacked body, the body as it is sent, and the
// headers of the response each have a limit; a larger one is not read to its end.
//
// # Errors
//
// Each is a *poller.Error. Its class is one of those in classify.go. Its text is for
// operators. It contains no URL, header or content: at most the name of a host, an
// address, a status, a limit, or what a token endpoint says of a failure, in 160 characters
// without a secret.
//
// # Concurrency
//
// A Source is safe for concurrent use. Two kinds of goroutines outlive a call: those
// that connect, for 30 s at most, and the two of net/http for each open connection,
// until Close.
package httpjson

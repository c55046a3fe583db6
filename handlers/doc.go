// Package handlers is the HTTP face of Pollux: Echo routes, one file for each
// family of them. It is the only package that knows Echo.
//
// [New] returns an http.Handler and starts nothing. A stream lives in the
// goroutine of its request; everything else is answered at once. Whatever goes
// wrong is answered as application/problem+json (RFC 9457) that tells the caller
// what to do and nothing of the inside; the cause goes to the log.
//
// The handler expects a server without WriteTimeout and ReadTimeout, because
// either would cut streams. It sets deadlines for each request itself.
package handlers

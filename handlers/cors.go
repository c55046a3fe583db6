package handlers

import (
	"net"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// What a page of an allowed origin can read and send beyond the CORS-safelisted
// headers and methods.
const (
	exposedHeaders = "ETag, Pollux-Event-Time, Pollux-Now, Retry-After, WWW-Authenticate"
	allowedHeaders = "Authorization, Cache-Control, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID"
	allowedMethods = "GET, HEAD, POST"
	preflightAge   = "600" // seconds
)

// crossOrigin lets pages of the allowed origins read answers, errors and the browser
// modules, by the CORS protocol (WHATWG Fetch 3.3), and refuses those of all others before
// they take a place. The router answers, so a preflight for an unknown path fails.
//
// The cookie of a request from a page that may read counts only if countsCookie says so.
//
// The middleware of Echo treats origins as patterns, and answers 204 to OPTIONS for
// unknown paths. Therefore it is not used.
func (s *server) crossOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, header := c.Request(), c.Response().Header()
		field := r.Header.Values("Origin")
		if s.origins.all {
			header.Set("Access-Control-Allow-Origin", anyOrigin)
		} else {
			// Vary is needed without an Origin too: a cache must not serve that
			// answer to a page that sends one.
			if !s.origins.none() {
				header.Add("Vary", "Origin")
			}
			switch {
			case len(field) == 0 || isSameOrigin(r, field):
				return next(c)
			case !s.origins.allow(field):
				s.Counts.refused(foreignOrigin)
				return newProblem(http.StatusForbidden, "Pages of that origin may not use this server. The operator can add it to allow_origins.")
			}
			header.Set("Access-Control-Allow-Origin", field[0]) // browsers compare it byte for byte
			if s.AllowCredentials && s.origins.lists(field[0]) {
				header.Set("Access-Control-Allow-Credentials", "true")
			}
		}
		header.Set("Access-Control-Expose-Headers", exposedHeaders)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			header.Set("Access-Control-Allow-Methods", allowedMethods)
			header.Set("Access-Control-Allow-Headers", allowedHeaders)
			header.Set("Access-Control-Max-Age", preflightAge)
		}
		return next(c)
	}
}

// countsCookie reports whether the token in the cookie of a request counts: whether the
// page that sent it is one of this server, or of an origin that may send credentials. A
// browser also sends the cookie with a POST of a page of another host below the same domain,
// or of another port, which allow_origins may let read but not act for its visitors. Without
// Origin the request changes nothing: browsers send it with each POST.
func (s *server) countsCookie(r *http.Request) bool {
	field := r.Header.Values("Origin")
	return len(field) == 0 || isSameOrigin(r, field) || s.AllowCredentials && len(field) == 1 && s.origins.lists(field[0])
}

// isSameOrigin reports whether a page of this server sent a request. A page without TLS is
// none of a server with TLS: anybody between it and the browser can have written it. Otherwise
// the scheme is not compared, because a proxy may have terminated TLS.
func isSameOrigin(r *http.Request, field []string) bool {
	if len(field) != 1 {
		return false
	}
	page, err := parseOrigin(field[0])
	if err != nil || r.TLS != nil && page.scheme != "https" {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), ""
	}
	if port == defaultPorts[page.scheme] {
		port = ""
	}
	return strings.EqualFold(host, strings.Trim(page.host, "[]")) && port == page.port
}

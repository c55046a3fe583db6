package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// What a page of an allowed origin can read and send beyond the CORS-safelisted
// headers and methods.
const (
	exposedHeaders = "ETag, Pollux-Event-Time, Pollux-Now, Retry-After"
	allowedHeaders = "Cache-Control, If-None-Match, Last-Event-ID"
	allowedMethods = "GET, HEAD"
	preflightAge   = "600" // seconds
)

// crossOrigin lets pages of the allowed origins read answers, errors and the browser
// modules, by the CORS protocol (WHATWG Fetch 3.3). It only adds headers. The router
// answers, so a preflight for an unknown path fails. Authorization is not an allowed
// header, so no page of another origin can publish.
//
// The middleware of Echo treats origins as patterns, and answers 204 to OPTIONS for
// unknown paths. Therefore it is not used.
func (s *server) crossOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, header := c.Request(), c.Response().Header()
		if s.origins.all {
			header.Set("Access-Control-Allow-Origin", anyOrigin)
		} else {
			// Vary is needed without an Origin too: a cache must not serve that
			// answer to a page that sends one.
			header.Add("Vary", "Origin")
			if !s.origins.allow(r.Header.Values("Origin")) {
				return next(c)
			}
			header.Set("Access-Control-Allow-Origin", r.Header.Get("Origin")) // browsers compare it byte for byte
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

package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// What pages of other origins can do and see, beside the least that every page can.
const (
	exposedHeaders = "ETag, Pollux-Event-Time, Pollux-Now, Retry-After"
	allowedHeaders = "Cache-Control, If-None-Match, Last-Event-ID"
	allowedMethods = "GET, HEAD"
	preflightAge   = "600" // seconds
)

// crossOrigin lets pages of the allowed origins read what is to be read, by the
// CORS protocol (WHATWG Fetch 3.3): answers, errors, and the modules, which
// browsers fetch no other way. It only adds headers; the router answers, so
// a preflight for what does not exist fails. Authorization is not among the
// allowed headers, so no page of another origin can publish.
//
// Echo's own middleware is not used because it takes origins for patterns, and
// answers 204 to OPTIONS for paths that do not exist.
func (s *server) crossOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, header := c.Request(), c.Response().Header()
		if s.origins.all {
			header.Set("Access-Control-Allow-Origin", anyOrigin)
		} else {
			// Also where there is no Origin: a cache must not hand that answer
			// to a page that sends one.
			header.Add("Vary", "Origin")
			if !s.origins.allow(r.Header.Values("Origin")) {
				return next(c)
			}
			header.Set("Access-Control-Allow-Origin", r.Header.Get("Origin")) // byte for byte, as browsers want it
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

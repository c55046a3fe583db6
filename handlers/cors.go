package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// anyOrigin stands for all origins in Options.AllowOrigins.
const anyOrigin = "*"

// IsOrigin reports whether text can stand in Options.AllowOrigins: an asterisk,
// or http or https://host[:port] and nothing more.
func IsOrigin(text string) bool { return text == anyOrigin || isOrigin(text) }

func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		!strings.Contains(u.Host, "*") && text == u.Scheme+"://"+u.Host
}

// crossOrigin lets pages of the allowed origins read what is to be read, by the
// CORS protocol (WHATWG Fetch 3.3). It only adds headers; the router answers, so
// a preflight for what does not exist fails. Authorization is not among the
// allowed headers, so no page of another origin can publish.
//
// Echo's own middleware is not used because it takes origins for patterns, and
// answers 204 to OPTIONS for paths that do not exist.
func (s *server) crossOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	all := slices.Contains(s.AllowOrigins, anyOrigin)
	return func(c echo.Context) error {
		r, header := c.Request(), c.Response().Header()
		origin := r.Header.Get("Origin")
		switch {
		case all:
			header.Set("Access-Control-Allow-Origin", anyOrigin)
		default:
			// Also where there is no Origin: a cache must not hand that answer
			// to a page that sends one.
			header.Add("Vary", "Origin")
			if !slices.ContainsFunc(s.AllowOrigins, func(o string) bool { return strings.EqualFold(o, origin) }) {
				return next(c)
			}
			header.Set("Access-Control-Allow-Origin", origin)
		}
		header.Set("Access-Control-Expose-Headers", "ETag, Retry-After")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			header.Set("Access-Control-Allow-Methods", "GET, HEAD")
			header.Set("Access-Control-Allow-Headers", "Cache-Control, If-None-Match, Last-Event-ID")
			header.Set("Access-Control-Max-Age", "600")
		}
		return next(c)
	}
}

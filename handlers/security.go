package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// contentPolicy allows a page to load only from this server.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// protect sets the security headers of each answer that a browser can show as a page:
// assets and problems.
func protect(header http.Header) {
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("Referrer-Policy", "no-referrer")
}

// unsniffed tells browsers to trust the content type of each answer.
func unsniffed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("X-Content-Type-Options", "nosniff")
		return next(c)
	}
}

package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// contentPolicy lets a page load what this server serves and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// protect sets what browsers are to heed with everything that they may show as a
// page: assets, and whatever is answered instead of one.
func protect(header http.Header) {
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("Referrer-Policy", "no-referrer")
}

// unsniffed tells browsers to believe the content type of every answer.
func unsniffed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("X-Content-Type-Options", "nosniff")
		return next(c)
	}
}

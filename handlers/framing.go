package handlers

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// framed ends the connection after a request whose end another HTTP parser could see
// elsewhere (RFC 9112 6.1 and 11.2). That is a request with Transfer-Encoding,
// because net/http hides whether it also had a Content-Length, and a request of
// HTTP/1.0, for which net/http hides Transfer-Encoding.
func framed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.ProtoMajor == 1 && !r.Close && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0) {
			c.Response().Header().Set("Connection", "close")
		}
		return next(c)
	}
}

// decoded decodes the unreserved characters in the path of each request, so that two
// spellings of one path (RFC 3986 6.2.2.2) reach one route. An encoded slash stays
// encoded, and separates nothing.
type decoded struct{ next *echo.Echo }

func (d decoded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if plain := decodeUnreserved(r.URL.RawPath); plain != r.URL.RawPath {
		copied, target := *r, *r.URL // the server keeps the originals
		target.RawPath = plain
		copied.URL = &target
		r = &copied
	}
	d.next.ServeHTTP(w, r)
}

// decodeUnreserved decodes the encoded characters of a path that RFC 3986 2.3 calls
// unreserved, once.
func decodeUnreserved(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var plain strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			if c, err := url.PathUnescape(path[i : i+3]); err == nil && isUnreserved(c[0]) {
				plain.WriteString(c)
				i += 2
				continue
			}
		}
		plain.WriteByte(path[i])
	}
	return plain.String()
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

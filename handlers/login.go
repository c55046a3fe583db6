package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/handlers/auth"
)

// tokenCookie is the cookie with the token of a browser. Scripts cannot read it.
const tokenCookie = "pollux_token"

// maxCookie is the longest token that fits in a cookie: browsers keep 4,096 bytes, with the
// name and the attributes (RFC 6265 6.1).
const maxCookie = 3800

// login answers POST /api/login: the cookie pollux_token, with the token that the request
// has as Authorization. The cookie ends when the token does, or with the session of the
// browser. It has no Path, so it is sent to the other routes below /api, wherever the
// handler is mounted.
func (s *server) login(c echo.Context) error {
	token, err := auth.Token(c.Request().Header)
	if err != nil {
		return s.refuseToken(c, readToken, err)
	}
	grant, err := s.Tokens.Verify(c.Request().Context(), token)
	if err != nil {
		return s.refuseToken(c, readToken, err)
	}
	if len(token) > maxCookie {
		return newProblem(http.StatusBadRequest, "A token in a cookie must have at most %d bytes.", maxCookie)
	}
	cookie := s.cookie(token) //nolint:gosec // G124: it sets them all
	if !grant.Expires.IsZero() {
		cookie.MaxAge = max(int(time.Until(grant.Expires)/time.Second), 1)
	}
	return answerCookie(c, cookie)
}

// logout answers POST /api/logout: the cookie ends. The token itself stays valid.
func (s *server) logout(c echo.Context) error {
	cookie := s.cookie("") //nolint:gosec // G124: it sets them all
	cookie.MaxAge = -1
	return answerCookie(c, cookie)
}

func answerCookie(c echo.Context, cookie *http.Cookie) error {
	c.SetCookie(cookie)
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.NoContent(http.StatusNoContent)
}

// cookie returns the cookie for a token. Pages of other sites send it only if such pages
// may send credentials.
func (s *server) cookie(token string) *http.Cookie {
	site := http.SameSiteStrictMode
	if s.AllowCredentials {
		site = http.SameSiteNoneMode
	}
	return &http.Cookie{Name: tokenCookie, Value: token, HttpOnly: true, Secure: true, SameSite: site} //nolint:gosec // G124: SameSite is Strict or None
}

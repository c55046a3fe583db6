package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// alive answers GET /livez: the process answers requests.
func (s *server) alive(c echo.Context) error { return answerHealth(c, http.StatusOK, "ok") }

// health answers GET /healthz: the process does its work, which includes
// letting its clients go.
func (s *server) health(c echo.Context) error { return answerHealth(c, http.StatusOK, "ok") }

// ready answers GET /readyz: new clients are welcome here.
func (s *server) ready(c echo.Context) error {
	if s.Engine.Draining() {
		return answerHealth(c, http.StatusServiceUnavailable, "draining")
	}
	return answerHealth(c, http.StatusOK, "ok")
}

func answerHealth(c echo.Context, status int, text string) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(status, map[string]string{"status": text})
}

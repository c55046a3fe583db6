package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// health is the answer of the three routes that orchestrators ask.
type health struct {
	Status string `json:"status"`
}

// alive answers GET /livez: the process answers requests.
func (s *server) alive(c echo.Context) error { return answerJSON(c, http.StatusOK, health{"ok"}) }

// health answers GET /healthz: the process does its work, which includes
// letting its clients go.
func (s *server) health(c echo.Context) error { return answerJSON(c, http.StatusOK, health{"ok"}) }

// ready answers GET /readyz: new clients are welcome here.
func (s *server) ready(c echo.Context) error {
	if s.Engine.Draining() {
		return answerJSON(c, http.StatusServiceUnavailable, health{"draining"})
	}
	return answerJSON(c, http.StatusOK, health{"ok"})
}

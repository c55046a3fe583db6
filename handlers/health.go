package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// health is the answer of the health routes, which orchestrators probe.
type health struct {
	Status string `json:"status"`
}

// alive answers GET /livez: the process answers requests.
func (s *server) alive(c echo.Context) error { return answerJSON(c, http.StatusOK, health{"ok"}) }

// health answers GET /healthz: the process works, also while it shuts down.
func (s *server) health(c echo.Context) error { return answerJSON(c, http.StatusOK, health{"ok"}) }

// ready answers GET /readyz: whether new clients are admitted.
func (s *server) ready(c echo.Context) error {
	if s.Engine.Draining() {
		return answerJSON(c, http.StatusServiceUnavailable, health{"draining"})
	}
	return answerJSON(c, http.StatusOK, health{"ok"})
}

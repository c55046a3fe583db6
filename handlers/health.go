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

// Readiness says whether new clients should come, as GET /readyz shows it.
type Readiness string

// The values of Readiness. All but Ready answer 503.
const (
	Ready    Readiness = "ok"
	Waiting  Readiness = "waiting"   // for the first documents
	LameDuck Readiness = "lame_duck" // new clients are still admitted, but the end is near
	NoOrigin Readiness = "no_origin" // the server follows another one, and does not reach it
	Draining Readiness = "draining"  // no new client is admitted

	LogFull        Readiness = "log_full"        // the log has no room: nothing can be published
	LogUnavailable Readiness = "log_unavailable" // the log stores nothing for another reason
)

// ready answers GET /readyz: whether new clients should come.
func (s *server) ready(c echo.Context) error {
	readiness, status := s.Readiness(), http.StatusServiceUnavailable
	if s.Engine.Draining() {
		readiness = Draining
	}
	if readiness == Ready {
		status = http.StatusOK
	}
	return answerJSON(c, status, health{string(readiness)})
}

package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
)

// latest answers GET /api/latest with the newest document of a stream. Its ETag
// is the event's ID in quotes, so a caller can go on with it as Last-Event-ID.
func (s *server) latest(c echo.Context) error {
	query, err := parseQuery(c.Request())
	if err != nil {
		return err
	}
	names, err := s.streamNames(query)
	if err != nil {
		return err
	}
	name := hub.DefaultStream
	switch len(names) {
	case 0:
	case 1:
		name = names[0]
	default:
		return newProblem(http.StatusBadRequest, "One stream at a time.")
	}
	event, err := s.Hub.Latest(name)
	if err != nil {
		return err
	}
	if event == nil {
		c.Response().Header().Set("Retry-After", "1")
		return newProblem(http.StatusServiceUnavailable, "The stream has no document yet.")
	}
	return answerTagged(c, "application/json", `"`+event.ID().String()+`"`, event.Data())
}

package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
)

// given is the answer of POST /api/ticket.
type given struct {
	Ticket  string  `json:"ticket"`
	Expires *string `json:"expires"`
}

// ticket answers POST /api/ticket: a ticket for what the token of the caller grants, with
// which one stream can be opened, as ?ticket=. It is for EventSource, which cannot send a
// header, and whose cookies do not reach other sites.
func (s *server) ticket(c echo.Context) error {
	grant, err := s.authenticate(c, "")
	if err != nil {
		return err
	}
	text, ends, err := s.tickets.Give(grant)
	if err != nil {
		s.Counts.refused(tooManyTickets)
		setRetryAfter(c.Response().Header(), auth.TicketLife)
		return newProblem(http.StatusTooManyRequests, "Too many tickets have not been used yet.")
	}
	return answerJSON(c, http.StatusOK, given{text, hub.FormatTime(ends)})
}

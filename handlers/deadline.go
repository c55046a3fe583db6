package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// How long a request can hold its connection. A stream removes the first deadline,
// and sets the second one again for each write.
const (
	bodyTimeout   = 30 * time.Second // until the body has arrived
	answerTimeout = 30 * time.Second // from then on until the client has read the answer
)

// bounded sets the deadlines of each request, even if no route matches it: net/http
// reads the body of each request before it answers, and keeps the write deadline of
// the previous request on the connection.
func bounded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		control := http.NewResponseController(c.Response().Writer)
		until := time.Now().Add(bodyTimeout)
		err := errors.Join(
			control.SetReadDeadline(until),
			// Later, so that a client whose body is late still gets an answer.
			control.SetWriteDeadline(until.Add(answerTimeout)),
		)
		if err != nil {
			return err
		}
		return next(c)
	}
}

// unbounded removes the read deadline. A stream reads nothing, but when the deadline
// passes, net/http would conclude that the client is gone.
func unbounded(c echo.Context) error {
	return http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Time{})
}

package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// How long a request may hold its connection. Streams lift the first and set
// the second anew for each write.
const (
	bodyTimeout   = 30 * time.Second // for the body to arrive
	answerTimeout = 30 * time.Second // for the answer to be taken, behind the body
)

// bounded sets the deadlines of every request, also of one that no route
// matches: net/http reads the body of each before it answers, and keeps the
// write deadline of the request before on the same connection.
func bounded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		control := http.NewResponseController(c.Response().Writer)
		until := time.Now().Add(bodyTimeout)
		err := errors.Join(
			control.SetReadDeadline(until),
			// Later, so that somebody whose body is late can still be told.
			control.SetWriteDeadline(until.Add(answerTimeout)),
		)
		if err != nil {
			return err
		}
		return next(c)
	}
}

// unbounded lifts the deadline for reading. A stream is not read from, but when
// the deadline passed net/http would take the client for gone.
func unbounded(c echo.Context) error {
	return http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Time{})
}

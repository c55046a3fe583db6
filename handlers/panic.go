package handlers

import (
	"net/http"
	"runtime/debug"

	"github.com/labstack/echo/v4"
)

// recovered logs a panic, and answers 500 or, where the answer has begun, cuts
// the connection: half an answer must not look like a whole one. It takes the
// stack of its own goroutine only, because to take all of them stops the world,
// and there is a goroutine for every client.
func (s *server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // not wrapped, as net/http compares it too
				panic(cause)
			}
			s.Logger.Error("handler panicked", "method", c.Request().Method, "path", c.Path(),
				"cause", cause, "stack", string(debug.Stack()))
			if c.Response().Committed {
				panic(http.ErrAbortHandler)
			}
			err = newProblem(http.StatusInternalServerError, "")
		}()
		return next(c)
	}
}

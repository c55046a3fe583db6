package handlers

import (
	"net/http"
	"runtime/debug"

	"github.com/labstack/echo/v4"
)

// recovered logs a panic and answers 500. If the answer has begun, it closes the
// connection instead, because a partial answer must not look complete. It logs the
// stack of one goroutine only: the stacks of all goroutines stop the world, and each
// client can have one.
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

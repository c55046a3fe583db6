package handlers

import (
	"errors"
	"io"
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

// How slowly a body may arrive: it has bodyGrace, and each byte adds the time that bodyRate
// gives it, up to bodyTimeout. A client that sends a byte now and then costs a connection
// and a share of the memory for bodies for as long as its body takes.
const (
	bodyGrace = 5 * time.Second
	bodyRate  = 1000 // bytes per second

	// paceStep is by how much the deadline of a body moves at least, because moving it
	// costs something.
	paceStep = 100 * time.Millisecond
)

// bounded sets the deadlines of each request, even if no route matches it: net/http
// reads the body of each request before it answers, and keeps the write deadline of
// the previous request on the connection.
func bounded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		control, r := http.NewResponseController(c.Response().Writer), c.Request()
		now := time.Now()
		until := now.Add(bodyTimeout)
		first := until
		if r.ContentLength != 0 {
			r.Body = &pacedBody{ReadCloser: r.Body, control: control, until: until}
			if r.ProtoMajor == 1 {
				// For a body that nobody reads but net/http. On HTTP/2 it is not read, and
				// a deadline that has passed cannot be moved.
				first = now.Add(bodyGrace)
			}
		}
		err := errors.Join(
			control.SetReadDeadline(first),
			// Later, so that a client whose body is late still gets an answer.
			control.SetWriteDeadline(until.Add(answerTimeout)),
		)
		if err != nil {
			return err
		}
		return next(c)
	}
}

// pacedBody is a body that has to arrive at a least rate, from when it is first read.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	until   time.Time // when it must have arrived in any case
	pace    time.Time // when it must have arrived at this rate; zero before the first read
	set     time.Time // the deadline in force
}

// Read implements [io.Reader].
func (b *pacedBody) Read(p []byte) (n int, err error) {
	if b.pace.IsZero() {
		b.pace = time.Now().Add(bodyGrace)
		if err := b.move(); err != nil {
			return 0, err
		}
	}
	n, err = b.ReadCloser.Read(p)
	b.pace = b.pace.Add(time.Duration(n) * time.Second / bodyRate)
	if err == nil && b.pace.Sub(b.set) >= paceStep && b.set.Before(b.until) {
		err = b.move()
	}
	return n, err
}

func (b *pacedBody) move() error {
	b.set = b.pace
	if b.set.After(b.until) {
		b.set = b.until
	}
	return b.control.SetReadDeadline(b.set)
}

// tooSlow returns the problem for a body that missed its deadline.
func tooSlow() *problem {
	return newProblem(http.StatusRequestTimeout, "The body arrived too slowly: at less than %d bytes per second, or not within %v.", bodyRate, bodyTimeout)
}

// unbounded removes the read deadline. A stream reads nothing, but when the deadline
// passes, net/http would conclude that the client is gone.
func unbounded(c echo.Context) error {
	return http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Time{})
}

package handlers

import (
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

// How often the log tells of refused tokens and signatures: whoever guesses them
// would fill it.
const (
	warnEvery = 10 * time.Second
	warnBurst = 5
)

// warnings limit the rate of what the log tells, and count what it did not.
type warnings struct {
	limit *rate.Limiter

	mu     sync.Mutex
	silent uint64
}

func newWarnings() *warnings {
	return &warnings{limit: rate.NewLimiter(rate.Every(warnEvery), warnBurst)}
}

// next reports whether to tell one more, and how many were not told since the last.
func (w *warnings) next() (silent uint64, tell bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.limit.Allow() {
		w.silent++
		return 0, false
	}
	silent, w.silent = w.silent, 0
	return silent, true
}

// refuseCredential counts a caller without the right token or signature, and warns
// of it, if it did not do so a few times just now. cause is an error of auth, which
// holds no secret.
func (s *server) refuseCredential(c echo.Context, what credential, cause error) {
	s.Counts.failed(what)
	if silent, tell := s.warn.next(); tell {
		s.Logger.Warn("caller refused", "wanted", string(what), "cause", cause, "address", s.address(c.Request()), "untold", silent)
	}
}

package handlers

import (
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

// The rate of log records about refused tokens and signatures. Without a limit, a
// caller that guesses tokens would fill the log.
const (
	warnEvery = 10 * time.Second
	warnBurst = 5
)

// warnings limits the rate of warnings, and counts the suppressed ones.
type warnings struct {
	limit *rate.Limiter

	mu         sync.Mutex
	suppressed uint64
}

func newWarnings() *warnings {
	return &warnings{limit: rate.NewLimiter(rate.Every(warnEvery), warnBurst)}
}

// next reports whether to log one more warning, and how many were suppressed since
// the last one.
func (w *warnings) next() (suppressed uint64, log bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.limit.Allow() {
		w.suppressed++
		return 0, false
	}
	suppressed, w.suppressed = w.suppressed, 0
	return suppressed, true
}

// refuseCredential counts a caller without the right token or signature, and logs a
// warning, at a limited rate. cause is an error of auth, which holds no secret.
func (s *server) refuseCredential(c echo.Context, kind credential, cause error) {
	s.Counts.failed(kind)
	if suppressed, log := s.warn.next(); log {
		s.Logger.Warn("caller refused", "wanted", string(kind), "cause", cause, "address", s.address(c.Request()), "suppressed", suppressed)
	}
}

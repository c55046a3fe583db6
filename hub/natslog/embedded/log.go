package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/polluxhub/pollux/hub/natslog"
)

// note is a warning or an error of the server.
type note struct{ text string }

// serverLog gives what a NATS server logs to a logger. While the server starts, it keeps
// the warnings, because only they say that a part of the store is gone.
type serverLog struct {
	logger *slog.Logger
	fail   context.CancelCauseFunc // called with what says that nothing is stored any more

	mu    sync.Mutex
	early bool
	notes []note
	ended error // why the server cannot start

	strangers rate.Sometimes // bounds what others can make it log
}

// newServerLog returns the log of a server that starts.
func newServerLog(logger *slog.Logger, fail context.CancelCauseFunc) *serverLog {
	return &serverLog{logger: logger, fail: fail, early: true, strangers: rate.Sometimes{First: 10, Interval: strangersEvery}}
}

// strangersEvery is how often something about a connection between servers is logged.
const strangersEvery = 5 * time.Second

// most is how many notes are kept.
const most = 100

func (l *serverLog) started() []note {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.early = false
	return l.notes
}

func (l *serverLog) warn(format string, v []any) {
	text := fmt.Sprintf(format, v...)
	switch {
	case strings.HasPrefix(text, "Maximum payloads over "), // for documents of that size
		isNoPort(text),                        // it says so when it starts, and when its health is looked at
		strings.HasPrefix(text, "Metalayer "): // how long something took
		return
	case strings.Contains(text, " - rid:"):
		l.strangers.Do(func() { l.logger.Warn("NATS server", "message", text) })
		return
	}
	l.mu.Lock()
	if l.early && len(l.notes) < most {
		l.notes = append(l.notes, note{text})
	}
	l.mu.Unlock()
	l.logger.Warn("NATS server", "message", text)
	if slices.ContainsFunc(failures, func(words string) bool { return strings.Contains(text, words) }) {
		l.fail(errors.New(text))
	}
}

// failures are words with which JetStream says that it stores nothing any more. It answers
// nobody then.
var failures = []string{"ritical write error", "failed to store a msg", "will be DISABLED", "disabling JetStream"}

func lastOf(notes []note) string {
	if len(notes) == 0 {
		return "no reason given"
	}
	return notes[len(notes)-1].text
}

func (l *serverLog) Noticef(format string, v ...any) {
	l.logger.Debug("NATS server", "message", fmt.Sprintf(format, v...))
}

func (l *serverLog) Debugf(format string, v ...any) { l.Noticef(format, v...) }
func (l *serverLog) Tracef(format string, v ...any) { l.Noticef(format, v...) }
func (l *serverLog) Warnf(format string, v ...any)  { l.warn(format, v) }
func (l *serverLog) Errorf(format string, v ...any) { l.warn(format, v) }

// Fatalf notes that the server cannot start.
func (l *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if isNoPort(text) {
		return
	}
	l.warn("%s", []any{text})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended = errors.New(text)
	}
	if strings.Contains(text, syscall.EADDRINUSE.Error()) {
		l.ended = fmt.Errorf("%w: %s", natslog.ErrStart, text)
	}
}

// fatal returns why the server cannot start, or nil.
func (l *serverLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

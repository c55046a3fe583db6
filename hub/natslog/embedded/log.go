package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
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
}

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
	if strings.HasPrefix(text, "Maximum payloads over ") {
		return // it is as large as it is for documents of that size
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
func (l *serverLog) Fatalf(format string, v ...any) { l.warn(format, v) }

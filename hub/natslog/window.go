package natslog

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
)

// isNarrow reports whether JetStream knows publications for less than hub.OnceLife.
func (l *Log) isNarrow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.narrow && l.now.life != nil
}

// widen makes JetStream know publications for hub.OnceLife. A stream that was just made has the duplicate
// window of the server, because a server may refuse a longer one, and an older version has made others with
// two minutes. A window that is longer is left alone, so that nodes of two versions do not change it in turn.
func (l *Log) widen(ctx context.Context) error {
	l.mu.Lock()
	one, narrow := l.now.life, l.narrow
	l.mu.Unlock()
	if one == nil || !narrow {
		return nil
	}
	info, err := l.info(ctx, one)
	if err != nil {
		return err
	}
	known := info.Config.Duplicates
	if known < hub.OnceLife {
		waiting, enough := context.WithTimeout(ctx, l.patience)
		defer enough()
		info.Config.Duplicates = hub.OnceLife
		_, err = one.js.UpdateStream(waiting, info.Config)
	}
	if err != nil && !isRefused(one.js.Conn(), err) {
		return fmt.Errorf("natslog: duplicate window: %w", err)
	}
	if err != nil {
		l.logger.Warn("NATS knows the keys of publications for less than it should", "known", known.String(), "want", hub.OnceLife.String(), "error", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now.life == one {
		l.narrow = false
	}
	return nil
}

// isRefused reports whether a change of the stream is not allowed, which does not pass by waiting.
func isRefused(conn *nats.Conn, err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.Code != http.StatusServiceUnavailable
	}
	return errors.Is(conn.LastError(), nats.ErrPermissionViolation)
}

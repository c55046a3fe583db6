package natslog

import (
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrStart is returned by Open, wrapped with the reason, for a server that cannot be
// started and will not be by waiting, for example because another process has its store.
var ErrStart = errors.New("natslog: no start")

// connect makes the server work and returns the present life of the stream. The caller
// holds writing.
func (l *Log) connect(ctx context.Context) (*life, error) {
	renew, err := l.opts.Server.Start(ctx)
	if err != nil {
		return nil, err
	}
	if l.conn == nil {
		hungUp := make(chan struct{})
		conn, err := l.opts.Server.Connect(
			nats.Name(strings.TrimSpace("pollux "+l.opts.Node)),
			nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.logger.Warn("NATS", "error", err) }),
			nats.ClosedHandler(func(*nats.Conn) { close(hungUp) }),
		)
		if err != nil {
			return nil, err
		}
		js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(l.patience))
		if err != nil {
			conn.Close()
			return nil, err
		}
		l.conn, l.hungUp, l.js = conn, hungUp, js
	}
	one, err := l.approach(ctx, renew, l.opts.Server.Owned())
	if err == nil && l.opts.Server.Owned() {
		err = l.checkEnd(ctx, one)
	}
	if errors.Is(err, errDamaged) {
		if err := l.setAside(err); err != nil {
			return nil, err
		}
		if _, err := l.opts.Server.Start(ctx); err != nil {
			return nil, err
		}
		one, err = l.approach(ctx, false, false)
	}
	if err != nil && l.shared {
		return nil, asMistake(l.conn, err)
	}
	if err != nil {
		return nil, err
	}
	info, err := l.info(ctx, one)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.suspect = l.opts.Server.Owned()
	l.mu.Unlock()
	return one, l.opts.Server.Opened(info.State.LastSeq)
}

// approach returns the present life of the stream, as open does, once there is a connection. Each of
// the two has the patience of the log: a store that is repaired meanwhile takes none of it away.
func (l *Log) approach(ctx context.Context, renew, whole bool) (*life, error) {
	connecting, enough := context.WithTimeout(ctx, l.opts.Patience)
	defer enough()
	if err := awaitConnection(connecting, l.conn); err != nil {
		return nil, err
	}
	opening, enough := context.WithTimeout(ctx, l.opts.Patience)
	defer enough()
	return l.open(opening, renew, whole)
}

// setAside makes the server set a damaged store aside. The connection is over then, which it may not have
// noticed yet, and what is asked on it is never answered. The caller holds writing.
func (l *Log) setAside(damage error) error {
	if err := l.opts.Server.Damaged(damage); err != nil {
		return err
	}
	return l.conn.ForceReconnect()
}

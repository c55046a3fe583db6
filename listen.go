package pollux

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/polluxhub/pollux/hub/fanout"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute

	// maxHeaderBytes leaves room for a Last-Event-ID of 64 kB, which is
	// senseless but has to be answered with a reset.
	maxHeaderBytes = 128 << 10
)

// ListenError is an address that cannot be bound.
type ListenError struct {
	Option  string // Listen or AdminListen
	Address string
	Err     error // says also what would be right
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("pollux: %s is %s: %v", e.Option, e.Address, e.Err)
}

// Unwrap returns the reason.
func (e *ListenError) Unwrap() error { return e.Err }

// Listen binds the addresses of the options, so that they are known, and errors with
// them, before Run, which must follow. Without a call of Listen, Run does it. The error
// is a [*ListenError], or that of ctx if it ends first.
func (p *Pollux) Listen(ctx context.Context) (err error) {
	if p.server != nil && p.listener == nil {
		if p.listener, err = bind(ctx, fanout.ListenConfig(), "Listen", p.opts.Listen); err != nil {
			return err
		}
	}
	if p.admin != nil && p.adminListener == nil {
		if p.adminListener, err = bind(ctx, net.ListenConfig{}, "AdminListen", p.opts.AdminListen); err != nil {
			return errors.Join(err, p.unbind())
		}
	}
	return nil
}

// unbind closes the listener. A later Listen binds the address again.
func (p *Pollux) unbind() error {
	if p.listener == nil {
		return nil
	}
	listener := p.listener
	p.listener = nil
	return listener.Close()
}

func bind(ctx context.Context, with net.ListenConfig, option, address string) (net.Listener, error) {
	listener, err := with.Listen(ctx, "tcp", address)
	if err != nil {
		if ctx.Err() != nil { // while a name was looked up
			return nil, ctx.Err()
		}
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err // the rest of the text repeats the address
		}
		return nil, &ListenError{option, address, fmt.Errorf("%w; want a free address, for example 127.0.0.1:0", err)}
	}
	return listener, nil
}

// Addr returns the address that is served, once Listen has bound it, else nil.
func (p *Pollux) Addr() net.Addr {
	if p.listener == nil {
		return nil
	}
	return p.listener.Addr()
}

// ReloadCertificate looks for a newer certificate now, and not only at the next look. After
// an error, which the log has too, the old one stays in force. Without TLS it does nothing.
func (p *Pollux) ReloadCertificate() error { return p.certificate.Reload() }

// urlOf returns the URL of a listener.
func urlOf(listener net.Listener, secure bool) string {
	if secure {
		return "https://" + listener.Addr().String()
	}
	return "http://" + listener.Addr().String()
}

func (p *Pollux) newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}

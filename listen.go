package pollux

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/internal/endpoint"
	"github.com/polluxhub/pollux/internal/listen"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute

	// maxHeaderBytes leaves room for a Last-Event-ID of 64 kB, which is
	// senseless but has to be answered with a reset.
	maxHeaderBytes = 128 << 10

	// maxStreams is how many requests one connection of HTTP/2 can have at a time. RFC
	// 9113 6.5.2 advises against less.
	maxStreams = 100

	// pingAfter is the silence after which a client on HTTP/2 is asked whether it is
	// there, and pingTimeout is how long it may take to answer.
	pingAfter   = 15 * time.Second
	pingTimeout = 15 * time.Second
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
	if p.server != nil && len(p.listeners) == 0 {
		for _, address := range p.opts.Listen {
			if err := p.bind(ctx, &p.listeners, "Listen", address, fanout.ListenConfig()); err != nil {
				return errors.Join(err, p.unbind())
			}
		}
	}
	if p.admin != nil && len(p.adminListeners) == 0 {
		if err = p.bind(ctx, &p.adminListeners, "AdminListen", p.opts.AdminListen, net.ListenConfig{}); err != nil {
			return errors.Join(err, p.unbind())
		}
	}
	return nil
}

// bind adds the listeners of an address.
func (p *Pollux) bind(ctx context.Context, to *[]net.Listener, option, address string, with net.ListenConfig) error {
	listeners, err := listen.Open(ctx, address, listen.Options{TCP: with, Mode: p.opts.SocketMode})
	switch {
	case err == nil:
		*to = append(*to, listeners...)
		return nil
	case ctx.Err() != nil:
		return err
	default:
		return &ListenError{option, address, err}
	}
}

// unbind closes the listeners. A later Listen binds the addresses again.
func (p *Pollux) unbind() error {
	var errs []error
	for _, listener := range p.listeners {
		errs = append(errs, listener.Close())
	}
	p.listeners = nil
	return errors.Join(errs...)
}

// closeListeners closes the listeners that nothing has served on.
func (p *Pollux) closeListeners() error {
	var errs []error
	for _, listener := range slices.Concat(p.listeners, p.adminListeners) {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Addr returns the address that is served, the first one of several, once Listen has bound
// it, else nil.
func (p *Pollux) Addr() net.Addr {
	if len(p.listeners) == 0 {
		return nil
	}
	return p.listeners[0].Addr()
}

// serve serves until the server is closed.
func (p *Pollux) serve(ctx context.Context) error {
	select {
	case <-p.engine.Begun(): // after a restart, clients wait at the door
	case <-ctx.Done(): // Serve returns at once, and closes the listeners
	}
	listeners := p.listeners
	if p.opts.ProxyProtocol {
		listeners = nil
		for _, listener := range p.listeners {
			listeners = append(listeners, listen.Proxied(listener, p.opts.HTTP.TrustedProxies, p.refuseUnproxied))
		}
	}
	return p.engine.Serve(p.server, listeners...)
}

// unproxiedEvery is how often the log says at most that a proxy sends no header: the check of a
// load balancer may be a connection without one.
const unproxiedEvery = time.Hour

// refuseUnproxied counts a connection of a proxy that is closed, and tells the log.
func (p *Pollux) refuseUnproxied(proxy net.Addr) {
	p.refusals.NoProxyHeader()
	p.unproxied.Do(func() {
		p.log.Warn("connection of a trusted proxy closed, it began without a header of the PROXY protocol", "proxy", proxy,
			"hint", "let the proxy send one (send-proxy-v2 in HAProxy, proxy_protocol on in nginx), or set proxy_protocol to off")
	})
}

// ReloadCertificate looks for a newer certificate now, and not only at the next look. After
// an error, which the log has too, the old one stays in force. Without TLS it does nothing.
func (p *Pollux) ReloadCertificate() error { return p.certificate.Reload() }

// urlOf returns the URL of a listener.
func urlOf(listener net.Listener, secure bool) string {
	switch addr := listener.Addr(); {
	case addr.Network() == endpoint.Unix:
		return "unix:" + addr.String()
	case secure:
		return "https://" + addr.String()
	default:
		return "http://" + addr.String()
	}
}

func (p *Pollux) newServer(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(p.opts.TLS.HTTP2 != HTTP2Off)
	return &http.Server{
		Protocols: protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      pingAfter,
			PingTimeout:          pingTimeout,
			WriteByteTimeout:     cmp.Or(p.opts.Engine.WriteTimeout, fanout.DefaultWriteTimeout),
		},
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}

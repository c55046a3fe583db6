package beside

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
)

const (
	// dialTimeout bounds an attempt to connect, in each of its steps.
	dialTimeout = 2 * time.Second

	// A connection on which nothing comes is given up after two pings without an answer.
	pingInterval    = 2 * time.Second
	maxPingsPending = 2
)

// Options configure a Server. New copies them. Files are PEM, and are read for each connection.
type Options struct {
	// URLs are the servers, such as nats://a.example.com:4222 or tls://b.example.com. One
	// of them is enough, because each tells the others. It is required.
	URLs []string

	// At most one of the three: a file with the JWT and the seed of a user, one with a token,
	// or a user and a file with a password.
	CredentialsFile    string
	TokenFile          string
	User, PasswordFile string

	// CAFile has the authorities that the certificates of the servers may be from. Empty
	// means those of the system. With it, a connection without TLS is refused.
	CAFile string

	// CertFile and KeyFile are what the servers are shown. Both or none are given.
	CertFile, KeyFile string

	// Logger gets what happens to the connection. Nil means slog.Default.
	Logger *slog.Logger
}

// Server implements [natslog.Server] with servers of others.
type Server struct {
	opts    Options
	logger  *slog.Logger
	connect []nats.Option
	tried   bool

	mu     sync.Mutex
	health context.Context
	fail   context.CancelCauseFunc
}

var _ natslog.Server = (*Server)(nil)

// CheckURL returns nil if text can be one of Options.URLs. The error quotes nothing of it.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("want nats://HOST:PORT, or tls://HOST:PORT")
	case u.User != nil:
		return errors.New("want no user in the URL: secrets come from files")
	}
	return nil
}

// New returns a server. It starts nothing: see [Server.Start]. The errors are mistakes in the
// options.
func New(opts Options) (*Server, error) {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	s := &Server{opts: opts, logger: opts.Logger}
	s.health, s.fail = context.WithCancelCause(context.Background())
	if len(opts.URLs) == 0 {
		return nil, errors.New("beside: no URL")
	}
	for i, text := range opts.URLs {
		if err := CheckURL(text); err != nil {
			return nil, fmt.Errorf("beside: URL %d: %w", i+1, err)
		}
	}
	known := 0
	for _, file := range []string{opts.CredentialsFile, opts.TokenFile, opts.PasswordFile} {
		if file != "" {
			known++
		}
	}
	switch {
	case known > 1:
		return nil, errors.New("beside: want one of CredentialsFile, TokenFile and PasswordFile")
	case (opts.User == "") != (opts.PasswordFile == ""):
		return nil, errors.New("beside: want both User and PasswordFile, or neither")
	case (opts.CertFile == "") != (opts.KeyFile == ""):
		return nil, errors.New("beside: want both CertFile and KeyFile, or neither")
	}
	var err error
	s.connect, err = s.options()
	return s, err
}

// options returns how to connect. It reads each file once, to find mistakes.
func (s *Server) options() ([]nats.Option, error) {
	list := []nats.Option{
		nats.Timeout(dialTimeout),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(maxPingsPending),
		nats.IgnoreAuthErrorAbort(), // what is refused now may be allowed later
	}
	switch o := &s.opts; {
	case o.CredentialsFile != "":
		if err := checkCredentials(o.CredentialsFile); err != nil {
			return nil, err
		}
		list = append(list, nats.UserCredentials(o.CredentialsFile))
	case o.TokenFile != "":
		if _, err := readSecret(o.TokenFile); err != nil {
			return nil, err
		}
		list = append(list, nats.TokenHandler(func() string { return s.secret(o.TokenFile) }))
	case o.PasswordFile != "":
		if _, err := readSecret(o.PasswordFile); err != nil {
			return nil, err
		}
		list = append(list, nats.UserInfoHandler(func() (user, password string) { return o.User, s.secret(o.PasswordFile) }))
	}
	if s.opts.CAFile != "" {
		if err := checkAuthorities(s.opts.CAFile); err != nil {
			return nil, err
		}
		list = append(list, nats.RootCAs(s.opts.CAFile))
	}
	if s.opts.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(s.opts.CertFile, s.opts.KeyFile); err != nil {
			return nil, err
		}
		list = append(list, nats.ClientCert(s.opts.CertFile, s.opts.KeyFile))
	}
	return list, nil
}

// secret returns what a file has, or "" if it cannot be read any more.
func (s *Server) secret(file string) string {
	text, err := readSecret(file)
	if err != nil {
		s.logger.Error("a file for NATS cannot be read", "error", err)
	}
	return text
}

// Start implements [natslog.Server]. The first one tries all servers, and returns
// natslog.ErrStart if none lets the program in and one says that this is a mistake.
func (s *Server) Start(ctx context.Context) (renew bool, err error) {
	if s.tried {
		return false, nil
	}
	var mistake error
	for _, one := range s.opts.URLs {
		conn, err := nats.Connect(one, append(s.connect, nats.NoReconnect(), nats.DontRandomize())...)
		if err == nil {
			conn.Close()
			s.tried = true
			return false, nil
		}
		s.logger.Warn("a NATS server does not let this program in", "server", one, "error", err)
		if isMistake(err) {
			mistake = fmt.Errorf("%s: %w", one, err)
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	if mistake != nil {
		return false, fmt.Errorf("%w: %w", natslog.ErrStart, mistake)
	}
	s.tried = true // Connect goes on trying
	return false, nil
}

// isMistake reports whether a failure to connect does not pass by waiting.
func isMistake(err error) bool {
	for _, one := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrSecureConnRequired, nats.ErrSecureConnWanted, nats.ErrNkeysNotSupported} {
		if errors.Is(err, one) {
			return true
		}
	}
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || strings.Contains(err.Error(), "remote error: tls:") // it refuses ours
}

// Connect implements [natslog.Server].
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	all := slices.Concat(natslog.Lasting(), opts, s.connect)
	all = append(all,
		nats.DisconnectErrHandler(func(conn *nats.Conn, err error) {
			if conn.IsClosed() {
				return // the log has closed it
			}
			if err == nil {
				err = nats.ErrDisconnected
			}
			s.logger.Warn("the connection to NATS is lost", "error", err)
			s.mu.Lock()
			s.fail(fmt.Errorf("%w: %w", hub.ErrLogUnavailable, err))
			s.mu.Unlock()
		}),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			s.logger.Info("connected to NATS again", "server", conn.ConnectedUrlRedacted())
			s.mu.Lock()
			s.fail(nil)
			s.health, s.fail = context.WithCancelCause(context.Background())
			s.mu.Unlock()
		}),
		nats.ConnectHandler(func(conn *nats.Conn) {
			s.logger.Info("connected to NATS", "server", conn.ConnectedUrlRedacted())
		}),
	)
	return nats.Connect(strings.Join(s.opts.URLs, ","), all...)
}

// Health implements [natslog.Server]. It ends with the connection.
func (s *Server) Health() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

// Owned implements [natslog.Server].
func (s *Server) Owned() bool { return false }

// Opened implements [natslog.Server].
func (s *Server) Opened(uint64) error { return nil }

// Stored implements [natslog.Server].
func (s *Server) Stored(uint64) {}

// Damaged implements [natslog.Server].
func (s *Server) Damaged(error) error { return errors.ErrUnsupported }

// Close implements [natslog.Server].
func (s *Server) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(nil)
	return nil
}

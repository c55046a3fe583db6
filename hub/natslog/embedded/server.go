package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
)

// Sync says when an event is forced to disk.
type Sync string

// The values of Sync.
const (
	SyncAlways   Sync = "always"   // before it is acknowledged
	SyncInterval Sync = "interval" // within SyncEvery
)

// SyncEvery is the interval of SyncInterval.
const SyncEvery = time.Second

const (
	// startTimeout bounds how long the server may take to start.
	startTimeout = 30 * time.Second

	// maxPayload bounds a message, in bytes: the most that NATS recommends.
	maxPayload = 64 << 20

	// maxStore bounds the store, in bytes: by the disk alone. Without it a server takes a part of
	// what is free when it starts, so one that starts on a full disk stores nothing, even when
	// there is room again.
	maxStore = 1 << 60

	storeDir = "jetstream"
)

// Options configure a Server. New copies them.
type Options struct {
	// Dir is the directory. It is made if it does not exist. It is required.
	Dir string

	// Sync says when an event is forced to disk. Empty means SyncAlways.
	Sync Sync

	// Stream is the name of the JetStream stream, as in natslog.Options.
	Stream string

	// Cluster makes it a server of a cluster. Nil means that it is alone. In a cluster Sync
	// has to be SyncAlways: with SyncInterval, a majority that loses its power would forget
	// events that were told, and give their IDs out again.
	Cluster *Cluster

	// Logger gets what the server logs. Nil means slog.Default.
	Logger *slog.Logger

	// BootID names the present run of the machine. Nil means that of the kernel.
	BootID func() (string, error)
}

// Server implements [natslog.Server] inside the program.
type Server struct {
	opts   Options
	logger *slog.Logger

	lock  *os.File // nil before the first Start
	mark  *mark    // likewise, and in a cluster
	state state
	least uint64 // the stream has at least this sequence, or the store is damaged; 0 in a cluster

	changing chan struct{}      // of capacity 1: holds a value while the server is started or ended
	keeping  sync.WaitGroup     // for keep, of a cluster
	release  context.CancelFunc // ends keep; nil while it does not run

	mu     sync.Mutex
	now    *server.Server // nil while no server runs
	health context.Context
}

var _ natslog.Server = (*Server)(nil)

// New returns a server. It starts nothing: see [Server.Start].
func New(opts Options) (*Server, error) {
	if opts.Sync == "" {
		opts.Sync = SyncAlways
	}
	if opts.Stream == "" {
		opts.Stream = natslog.DefaultName
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.BootID == nil {
		opts.BootID = bootID
	}
	switch {
	case opts.Dir == "":
		return nil, errors.New("embedded: no Dir")
	case opts.Sync != SyncAlways && opts.Sync != SyncInterval:
		return nil, fmt.Errorf("embedded: Sync is %q, want %q or %q", opts.Sync, SyncAlways, SyncInterval)
	case opts.Cluster != nil && opts.Sync != SyncAlways:
		return nil, fmt.Errorf("embedded: Sync is %q, want %q in a cluster", opts.Sync, SyncAlways)
	}
	if opts.Cluster != nil {
		if err := opts.Cluster.check(); err != nil {
			return nil, err
		}
	}
	return &Server{opts: opts, logger: opts.Logger, changing: make(chan struct{}, 1), health: context.Background()}, nil
}

// turn waits until nobody starts or ends the server, and returns what ends this turn. None
// takes longer than startTimeout, twice.
func (s *Server) turn() (end func()) {
	s.changing <- struct{}{}
	return func() { <-s.changing }
}

// Start implements [natslog.Server].
func (s *Server) Start(ctx context.Context) (renew bool, err error) {
	defer s.turn()()
	if renew, err = s.start(); err == nil && s.opts.Cluster != nil && s.release == nil {
		keeping, release := context.WithCancel(context.WithoutCancel(ctx))
		s.release = release
		s.keeping.Go(func() { s.keep(keeping) })
	}
	return renew, err
}

func (s *Server) start() (renew bool, err error) {
	s.mu.Lock()
	running, health := s.now, s.health
	s.mu.Unlock()
	if running != nil && running.JetStreamEnabled() && health.Err() == nil {
		return false, nil
	}
	s.end()
	if err := s.own(); err != nil {
		return false, err
	}
	if renew, err = s.begin(); err != nil {
		return false, unlessStart(err)
	}
	ns, notes, err := s.run()
	damage := err
	switch {
	case err == nil:
		damage = s.inspect(ns, notes)
	case s.opts.Cluster == nil || !isBroken(err.Error()):
		return false, unlessStart(err)
	}
	if damage != nil {
		if ns != nil {
			shutdown(ns)
		}
		if err := s.setAside(damage); err != nil {
			return false, fmt.Errorf("%w: %w", hub.ErrLogUnavailable, err)
		}
		if ns, _, err = s.run(); err != nil {
			return false, unlessStart(err)
		}
	}
	s.mu.Lock()
	s.now = ns
	s.mu.Unlock()
	return renew, nil
}

// unlessStart wraps an error as hub.ErrLogUnavailable, unless waiting does not help.
func unlessStart(err error) error {
	if errors.Is(err, natslog.ErrStart) {
		return err
	}
	return fmt.Errorf("%w: %w", hub.ErrLogUnavailable, err)
}

// own makes the directory, and locks it.
func (s *Server) own() error {
	if s.lock != nil {
		return nil
	}
	if err := os.MkdirAll(s.opts.Dir, 0o750); err != nil {
		return fmt.Errorf("%w: %w", hub.ErrLogUnavailable, err)
	}
	lock, err := lockFile(filepath.Join(s.opts.Dir, "lock"))
	switch {
	case errors.Is(err, errLocked):
		return fmt.Errorf("%w: another process uses %s", natslog.ErrStart, s.opts.Dir)
	case err != nil:
		return fmt.Errorf("%w: %w", hub.ErrLogUnavailable, err)
	}
	s.lock = lock
	return nil
}

// run starts a NATS server, and returns what it has logged meanwhile.
func (s *Server) run() (*server.Server, []note, error) {
	opts := &server.Options{
		ServerName:             "pollux",
		DontListen:             true,
		NoSigs:                 true,
		NoLog:                  true,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               s.opts.Dir,
		JetStreamMaxStore:      maxStore,
		SyncAlways:             s.opts.Sync == SyncAlways,
		SyncInterval:           SyncEvery,
		MaxPayload:             maxPayload,
		MaxPending:             2 * maxPayload,
		NoSystemAccount:        true,
	}
	if s.opts.Cluster != nil {
		if err := s.opts.Cluster.join(opts); err != nil {
			return nil, nil, err
		}
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return nil, nil, err
	}
	health, fail := context.WithCancelCause(context.Background())
	s.mu.Lock()
	s.health = health
	s.mu.Unlock()
	l := newServerLog(s.logger, fail)
	ns.SetLoggerV2(l, s.logger.Enabled(context.Background(), slog.LevelDebug), false, false)
	if err := s.await(ns, l); err != nil {
		shutdown(ns)
		return nil, nil, err
	}
	notes := l.started()
	if !ns.JetStreamEnabled() {
		shutdown(ns)
		return nil, nil, fmt.Errorf("no JetStream: %s", lastOf(notes))
	}
	return ns, notes, nil
}

// await starts a server, and returns when it works.
func (s *Server) await(ns *server.Server, l *serverLog) error {
	started := make(chan struct{})
	go func() { // which ends with Shutdown at the latest
		ns.Start()
		close(started)
	}()
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for isStarted := false; !isStarted || s.opts.Cluster != nil && ns.ClusterAddr() == nil; {
		select {
		case <-started:
			isStarted, started = true, nil
		case <-tick.C:
		case <-timeout.C:
			return errors.New("the NATS server does not start")
		}
		if err := l.fatal(); err != nil {
			return err
		}
	}
	return nil
}

// Connect implements [natslog.Server].
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append(append(natslog.Lasting(), opts...), nats.InProcessServer(s))...)
}

// InProcessConn returns a connection to the server that runs now.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	now := s.now
	s.mu.Unlock()
	if now == nil {
		return nil, hub.ErrLogUnavailable
	}
	return now.InProcessConn()
}

// Health implements [natslog.Server].
func (s *Server) Health() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

// Owned implements [natslog.Server]. A message that is missing on one server of a cluster is
// still on the others.
func (s *Server) Owned() bool { return s.opts.Cluster == nil }

// Stored implements [natslog.Server]. In a cluster this server may lack what the others have.
func (s *Server) Stored(seq uint64) {
	if s.mark != nil {
		s.mark.set(seq)
	}
}

// Close implements [natslog.Server]. A server that fetches from another one what it lacks does
// not end before it has got an answer, which may take seconds. In a cluster everything is on disk,
// so Close leaves such a server behind, with a warning, after half of the time that ctx leaves.
func (s *Server) Close(ctx context.Context) error {
	closed := make(chan error, 1)
	go func() { closed <- s.close() }()
	if s.opts.Cluster == nil {
		return <-closed
	}
	ok, err := awaitHalf(ctx, closed)
	if !ok {
		s.logger.Warn("the NATS server has not ended, and is left behind: everything is on disk")
	}
	return err
}

// awaitHalf returns true and what is sent, or false if nothing is sent in half of the time that ctx leaves.
func awaitHalf(ctx context.Context, sent <-chan error) (ok bool, err error) {
	deadline, isBounded := ctx.Deadline()
	if !isBounded {
		return true, <-sent
	}
	timer := time.NewTimer(time.Until(deadline) / 2)
	defer timer.Stop()
	select {
	case err := <-sent:
		return true, err
	case <-timer.C:
		return false, nil
	}
}

func (s *Server) close() error {
	end := s.turn()
	if s.release != nil {
		s.release()
	}
	end()
	s.keeping.Wait()
	s.end()
	var errs []error
	if s.mark != nil { // in a cluster everything is on disk
		errs = append(errs, s.finish(), s.mark.close())
		s.mark = nil
	}
	if s.lock != nil {
		errs = append(errs, unlock(s.lock))
		s.lock = nil
	}
	return errors.Join(errs...)
}

// end ends the server that runs.
func (s *Server) end() {
	s.mu.Lock()
	now := s.now
	s.now = nil
	s.mu.Unlock()
	if now != nil {
		shutdown(now)
	}
}

func shutdown(ns *server.Server) {
	ns.Shutdown()
	ns.WaitForShutdown()
}

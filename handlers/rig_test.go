package handlers_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
	"github.com/polluxhub/pollux/internal/capture"
)

// patience bounds how long a test waits. It says nothing about speed.
const patience = 30 * time.Second

// token allows callers to publish.
const token = "s3cret-t0ken"

// setup is the differences between rigs. The zero value is ready to use.
type setup struct {
	hub      hub.Options
	engine   fanout.Options
	handlers handlers.Options
	wrap     func(http.Handler) http.Handler
	listener *hubtest.PipeListener // nil means a real socket
}

// rig is a server with all its parts.
type rig struct {
	t       testing.TB
	hub     *hub.Hub
	tail    *watchedLog
	engine  *fanout.Engine
	handler http.Handler
	log     *capture.Output
	connect func() net.Conn
	stop    func()
}

// assets stand for the dashboard.
var assets = fstest.MapFS{
	"index.html":       {Data: []byte("<!doctype html><title>Pollux</title>")},
	"dashboard.css":    {Data: []byte("body { color: black }")},
	"favicon.svg":      {Data: []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")},
	"client/pollux.js": {Data: []byte("export const answer = 42;")},
}

// newRig starts all parts, with a server like that of cmd/pollux.
func newRig(t testing.TB, s setup) *rig {
	t.Helper()
	r := &rig{t: t, log: &capture.Output{}}
	logger := slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if s.hub.Log == nil {
		s.hub.Log = hub.NewMemoryLog()
	}
	r.tail = newWatchedLog(s.hub.Log)
	s.hub.Log = r.tail
	var err error
	if r.hub, err = hub.New(s.hub); err != nil {
		t.Fatal(err)
	}
	s.engine.Hub, s.engine.Logger = r.hub, logger
	if s.engine.Random == nil {
		s.engine.Random = func() float64 { return 0.5 }
	}
	if r.engine, err = fanout.New(s.engine); err != nil {
		t.Fatal(err)
	}
	s.handlers.Hub, s.handlers.Engine, s.handlers.Logger = r.hub, r.engine, logger
	if s.handlers.Assets == nil {
		s.handlers.Assets = assets
	}
	if s.handlers.Publish == (auth.Bearer{}) {
		s.handlers.Publish = auth.NewBearer(token)
	}
	if r.handler, err = handlers.New(s.handlers); err != nil {
		t.Fatal(err)
	}
	if s.wrap != nil {
		r.handler = s.wrap(r.handler)
	}
	server := &http.Server{
		Handler:           r.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    128 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	var listener net.Listener = s.listener
	if s.listener != nil {
		r.connect = s.listener.Dial
	} else {
		config := fanout.ListenConfig()
		if listener, err = config.Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		r.connect = func() net.Conn {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err == nil {
				// A missing answer should fail only the test that waits for it.
				err = conn.SetDeadline(time.Now().Add(patience))
			}
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
	}
	r.run(server, listener)
	return r
}

// in returns the rig for a subtest.
func (r *rig) in(t testing.TB) *rig {
	sub := *r
	sub.t = t
	return &sub
}

func (r *rig) run(server *http.Server, listener net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.hub.Run(ctx); err != nil {
			r.t.Errorf("hub: %v", err)
		}
	})
	for r.hub.Position().IsZero() {
		runtime.Gosched()
	}
	running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			r.t.Errorf("server: %v", err)
		}
	})
	r.stop = sync.OnceFunc(func() {
		ctx, stop := context.WithTimeout(context.Background(), patience)
		defer stop()
		_ = server.Close() // which closes the connections
		if err := r.engine.Drain(ctx, 0); err != nil {
			r.t.Errorf("%d streams are left: %v", r.engine.Stats().Clients, err)
		}
		cancel()
		running.Wait()
	})
	r.t.Cleanup(r.stop)
}

// broadcast publishes to the default stream, not through the handler.
func (r *rig) broadcast(data string) hub.ID { return r.broadcastTo("", data) }

func (r *rig) broadcastTo(stream, data string) hub.ID {
	r.t.Helper()
	id, err := r.hub.Publish(r.t.Context(), hub.Message{Stream: stream, Data: []byte(data)})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if !r.tail.await(ctx, id.Seq()) {
		r.t.Fatalf("%v was not broadcast", id)
	}
	return id
}

// watchedLog knows which events the hub has handed to all subscribers, so that a new
// subscriber begins after them. Publish alone does not wait for that.
type watchedLog struct {
	hub.Log

	mu      sync.Mutex
	handled uint64        // sequence number
	changed chan struct{} // closed when handled grows
}

func newWatchedLog(log hub.Log) *watchedLog {
	return &watchedLog{Log: log, changed: make(chan struct{})}
}

func (l *watchedLog) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	return l.Log.Tail(ctx, func(batch hub.Batch) error {
		err := emit(batch)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.handled = batch.After.Seq()
		if n := len(batch.Events); n > 0 {
			l.handled = batch.Events[n-1].ID().Seq()
		}
		close(l.changed)
		l.changed = make(chan struct{})
		return err
	})
}

// await waits until the event is handled. It does not poll: in a bubble that would
// advance the clock.
func (l *watchedLog) await(ctx context.Context, seq uint64) bool {
	for {
		l.mu.Lock()
		handled, changed := l.handled, l.changed
		l.mu.Unlock()
		if handled >= seq {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// drain begins a drain that lasts as long as there is a client.
func (r *rig) drain() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	cancel() // do not wait
	if err := r.engine.Drain(ctx, time.Hour); err != nil && !errors.Is(err, context.Canceled) {
		r.t.Fatal(err)
	}
}

// isEmpty reports whether all clients have gone and their places are free, which is a moment
// after their subscriptions have ended.
func (r *rig) isEmpty() bool { return r.hub.Stats().Subscribers == 0 && r.engine.Stats().Clients == 0 }

// await waits until the condition holds.
func (r *rig) await(what string, condition func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not after %v", what, patience)
		}
		select {
		case <-time.After(time.Millisecond):
		case <-r.t.Context().Done():
		}
	}
}

package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// maxBody bounds a published event.
const maxBody = 1 << 20

// goPeer is a peer that is written in Go and lives in this program: a handler
// for the stream, and a function that publishes.
type goPeer interface {
	http.Handler
	publish(id uint64, data []byte) error
}

// goPeers is how each of them is made.
var goPeers = map[string]func() goPeer{
	"textbook": func() goPeer { return newTextbook() },
	"go-sse":   func() goPeer { return newGoSSE() },
	"r3labs":   func() goPeer { return newR3labs() },
}

// Handler returns the routes of one of the Go peers.
func Handler(name string) (http.Handler, error) {
	create, ok := goPeers[name]
	if !ok {
		return nil, fmt.Errorf("peer: no Go peer %q", name)
	}
	p := create()
	var events atomic.Uint64
	mux := http.NewServeMux()
	mux.Handle("GET /events", p)
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := p.publish(events.Add(1), data); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	// The two figures that tell what is left when all clients have gone, under
	// the names that the Prometheus client gives them. It collects first, since
	// this handler would not make enough garbage for that to happen by itself.
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintf(w, "go_goroutines %d\ngo_memstats_heap_alloc_bytes %d\n", runtime.NumGoroutine(), m.HeapAlloc)
	})
	return mux, nil
}

// Serve runs one of the Go peers on address until the process is told to end, with TLS if there
// is a certificate.
func Serve(name, address, certificate, key string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	handler, err := Handler(name)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() {
		if certificate != "" {
			ended <- server.ServeTLS(listener, certificate, key)
			return
		}
		ended <- server.Serve(listener)
	}()
	<-ctx.Done()
	if err := server.Close(); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Command html serves a plain page, without a framework or a build step, and Pollux on the same port:
//
//	go run ./examples/html
package main

import (
	"context"
	_ "embed"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
)

//go:embed index.html
var page []byte

// routes are the page, and the streams and modules of Pollux.
func routes(p *pollux.Pollux) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	})
	mux.Handle("/", p.Handler())
	return mux
}

func main() {
	p, err := pollux.New(pollux.Options{
		Streams: []pollux.Stream{{Poll: poller.Stream{Source: &mock.Source{}, Every: 5 * time.Second}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "localhost:3000", Handler: routes(p), ConnContext: p.ConnContext, ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var serving sync.WaitGroup
	serving.Go(func() {
		defer stop() // also if the address is taken
		log.Print(server.ListenAndServe())
	})
	err = p.Run(ctx) // when it returns, all streams have ended, for which Shutdown would wait
	err = errors.Join(err, server.Shutdown(context.WithoutCancel(ctx)))
	serving.Wait()
	if err != nil {
		log.Fatal(err)
	}
}

// Command mounted-nethttp has Pollux under /live of a server with other routes:
//
//	go run ./examples/mounted-nethttp
//	curl -d tea localhost:3000/orders
//	curl -N 'localhost:3000/live/api/sse'
//
// The dashboard is at http://localhost:3000/live/.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/polluxhub/pollux"
)

// routes are those of the server that was there before, and those of Pollux.
func routes(p *pollux.Pollux) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		item, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1000))
		if err == nil {
			_, err = p.Publish(r.Context(), "", map[string]string{"item": string(item)})
		}
		if err != nil {
			http.Error(w, "order not taken", http.StatusInternalServerError)
		}
	})
	mux.Handle("/live/", http.StripPrefix("/live", p.Handler()))
	return mux
}

func main() {
	p, err := pollux.New(pollux.Options{}) // with the stream "default", which is published to
	if err != nil {
		log.Fatal(err)
	}
	// ConnContext lets streams leave net/http. WriteTimeout and ReadTimeout would cut them.
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

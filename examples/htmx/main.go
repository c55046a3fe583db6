// Command htmx serves a page that htmx keeps up to date, and Pollux on the same port. Pollux renders each document once,
// by a template, and sends the HTML to all pages.
//
//	cd examples/htmx && npm install && go run .
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
	"github.com/polluxhub/pollux/hub/markup"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
)

// text is what the page shows of a document. Its values are escaped.
const text = `<strong>{{.value}}</strong> {{.message}} <time datetime="{{.timestamp}}">{{.timestamp}}</time>`

//go:embed index.html
var page []byte

// routes are the page, htmx as npm has installed it, and the streams of Pollux.
func routes(p *pollux.Pollux) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'")
		_, _ = w.Write(page)
	})
	mux.Handle("GET /htmx/", http.StripPrefix("/htmx/", http.FileServer(http.Dir("node_modules/htmx.org/dist"))))
	mux.Handle("/", p.Handler())
	return mux
}

func main() {
	template, err := markup.New(text, markup.Options{})
	if err != nil {
		log.Fatal(err)
	}
	p, err := pollux.New(pollux.Options{
		Streams: []pollux.Stream{{Poll: poller.Stream{Source: &mock.Source{}, Every: 5 * time.Second}, Template: template}},
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

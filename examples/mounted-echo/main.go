// Command mounted-echo has Pollux under /live of an Echo server with other routes:
//
//	go run ./examples/mounted-echo
//	curl localhost:3000/hello
//	curl -N 'localhost:3000/live/api/sse'
//
// The dashboard is at http://localhost:3000/live/.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
)

// mount adds the routes of Pollux under a prefix such as /live. No middleware that
// compresses may be around them: Pollux compresses itself, once for all clients.
func mount(e *echo.Echo, prefix string, p *pollux.Pollux) {
	handler := echo.WrapHandler(http.StripPrefix(prefix, p.Handler()))
	e.Any(prefix, handler) // which leads to prefix/
	e.Any(prefix+"/*", handler)
	e.Server.ConnContext = p.ConnContext // lets streams leave net/http
}

func main() {
	p, err := pollux.New(pollux.Options{
		Streams: []pollux.Stream{{Poll: poller.Stream{Source: &mock.Source{}, Every: 5 * time.Second}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	e := echo.New()
	e.GET("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
	mount(e, "/live", p)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var serving sync.WaitGroup
	serving.Go(func() {
		defer stop() // also if the address is taken
		log.Print(e.Start("localhost:3000"))
	})
	err = p.Run(ctx) // when it returns, all streams have ended, for which Shutdown would wait
	err = errors.Join(err, e.Shutdown(context.WithoutCancel(ctx)))
	serving.Wait()
	if err != nil {
		log.Fatal(err)
	}
}

// Command consumer prints the documents of a stream. Whatever ends the connection, it comes back and continues after the
// last document that it has printed:
//
//	go run ./examples/consumer http://localhost:3000/api/sse
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/polluxhub/pollux/hub/sse"
)

const (
	longestWait  = 30 * time.Second // the random part of the wait after many failures
	longestRetry = time.Hour        // of what the server wants
	healthy      = time.Minute      // after which a connection was no failure
	silence      = 45 * time.Second // Pollux sends a heartbeat every 15 s
)

// consumer reads one stream. The two functions are what you replace.
type consumer struct {
	url      string
	document func(data []byte)   // a document came
	gap      func(reason []byte) // documents were missed, and the newest one follows

	lastID string        // after which the stream continues
	retry  time.Duration // what the server wants clients to wait
}

// run reads until ctx ends.
func (c *consumer) run(ctx context.Context) {
	for failures := 0; ; failures++ {
		began := time.Now()
		err := c.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= healthy {
			failures = 0
		}
		log.Printf("the connection has ended: %v", err)
		// All clients lose their connections at the same moment when a server stops. A random wait keeps them from
		// returning together.
		wait := c.retry + rand.N(min(time.Second<<min(failures, 5), longestWait))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// read reads one connection to its end.
func (c *consumer) read(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(errors.New("nothing was heard for too long")) })
	defer watchdog.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if c.lastID != "" {
		req.Header.Set("Last-Event-ID", c.lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	decoder := sse.NewDecoder(heard{resp.Body, func() { watchdog.Reset(silence) }})
	for {
		event, err := decoder.Next()
		if retry, ok := decoder.Retry(); ok {
			c.retry = min(retry, longestRetry)
		}
		if err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		switch event.Name {
		case "status": // the API behind Pollux is late, or answers again; or the server refuses the stream
			log.Printf("status: %s", event.Data)
		case "reset":
			c.gap(event.Data)
		default:
			c.document(event.Data)
		}
		if event.ID != "" {
			c.lastID = event.ID
		}
	}
}

// heard is a reader that tells when something came.
type heard struct {
	io.Reader

	tell func()
}

func (h heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.tell()
	return n, err
}

func main() {
	c := consumer{
		url:      "http://localhost:3000/api/sse",
		document: func(data []byte) { fmt.Printf("%s\n", data) },
		gap:      func(reason []byte) { log.Printf("documents were missed: %s", reason) },
	}
	if len(os.Args) > 1 {
		c.url = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c.run(ctx)
}

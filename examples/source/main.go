// Command source streams a file whenever it has changed. A source of its own can say
// that nothing has changed, by a version, without reading the document:
//
//	echo '{"n": 1}' >state.json && go run ./examples/source &
//	curl -N 'localhost:3000/api/sse?stream=state'
//	echo '{"n": 2}' >state.json
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/poller"
)

// file is a poller.Source. Its version is the time of the last change.
type file string

// Fetch implements poller.Source.
func (f file) Fetch(_ context.Context, since poller.Version) (poller.Reading, error) {
	info, err := os.Stat(string(f))
	if err != nil {
		return poller.Reading{}, &poller.Error{Class: "no_file", Err: err} // clients are told the class
	}
	version := poller.Version{LastModified: info.ModTime().Format(time.RFC3339Nano)}
	if version == since {
		return poller.Reading{Unchanged: true}, nil
	}
	document, err := os.ReadFile(string(f))
	return poller.Reading{Document: document, Version: version}, err
}

func main() {
	p, err := pollux.New(pollux.Options{
		Listen:  []string{"localhost:3000"},
		Streams: []pollux.Stream{{Name: "state", Poll: poller.Stream{Source: file("state.json"), Every: time.Second}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err = p.Run(ctx)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

// Command hub uses the hub alone, without HTTP: one publisher, several subscribers in
// the same process, and one that comes back and gets what it missed.
//
//	go run ./examples/hub
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/polluxhub/pollux/hub"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	h, err := hub.New(hub.Options{})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()

	first, err := h.Publish(ctx, hub.Message{Data: []byte(`{"n":1}`)})
	if err != nil {
		return err
	}
	newcomer, err := h.Subscribe(ctx, hub.SubscribeOptions{})
	if err != nil {
		return err
	}
	defer newcomer.Close()
	if _, err := h.Publish(ctx, hub.Message{Data: []byte(`{"n":2}`)}); err != nil {
		return err
	}
	returning, err := h.Subscribe(ctx, hub.SubscribeOptions{LastEventID: hub.ParseLastEventID(first.String())})
	if err != nil {
		return err
	}
	defer returning.Close()

	fmt.Printf("a newcomer gets the newest event, %s,\n", newcomer.Replay()[0].Data())
	fmt.Printf("then what comes: %s\n", (<-newcomer.Events()).Data())
	fmt.Printf("a subscriber that returns gets what it missed: %s\n", returning.Replay()[0].Data())
	stop()
	return <-ended
}

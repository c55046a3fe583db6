package hub_test

import (
	"context"
	"fmt"

	"github.com/polluxhub/pollux/hub"
)

// A hub without a poller, a web server or a configuration: publish, join late, resume.
func Example() {
	h, err := hub.New(hub.Options{})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()

	first, err := h.Publish(ctx, hub.Message{Data: []byte(`{"value":1}`)})
	if err != nil {
		panic(err)
	}
	if _, err := h.Publish(ctx, hub.Message{Data: []byte(`{"value":2}`)}); err != nil {
		panic(err)
	}

	// A subscriber that joins late begins with the newest document.
	late, err := h.Subscribe(ctx, hub.SubscribeOptions{})
	if err != nil {
		panic(err)
	}
	for _, e := range late.Replay() {
		fmt.Printf("late:   %s\n", e.Data())
	}
	// A subscriber that resumes gets the documents that it missed.
	back, err := h.Subscribe(ctx, hub.SubscribeOptions{LastEventID: first.LastEventID()})
	if err != nil {
		panic(err)
	}
	for _, e := range back.Replay() {
		fmt.Printf("back:   %s\n", e.Data())
	}
	// Then both get new documents.
	if _, err := h.Publish(ctx, hub.Message{Data: []byte(`{"value":3}`)}); err != nil {
		panic(err)
	}
	fmt.Printf("late:   %s\n", (<-late.Events()).Data())
	fmt.Printf("back:   %s\n", (<-back.Events()).Data())

	stop()
	<-ended
	// Output:
	// late:   {"value":2}
	// back:   {"value":2}
	// late:   {"value":3}
	// back:   {"value":3}
}

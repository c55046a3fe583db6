package hub_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

// BenchmarkPublish measures one event for more and more subscribers. A further
// subscriber must cost no allocation.
func BenchmarkPublish(b *testing.B) {
	for _, subscribers := range []int{0, 1, 100, 10_000} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			h, err := hub.New(hub.Options{})
			if err != nil {
				b.Fatal(err)
			}
			ended := make(chan error, 1)
			ctx, stop := context.WithCancel(b.Context())
			go func() { ended <- h.Run(ctx) }()
			var subscriptions []*hub.Subscription
			for range subscribers {
				s, err := h.Subscribe(ctx, hub.SubscribeOptions{})
				if err != nil {
					b.Fatal(err)
				}
				subscriptions = append(subscriptions, s)
			}
			m := hub.Message{Data: []byte(strings.Repeat("x", 200))}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Publish(ctx, m); err != nil {
					b.Fatal(err)
				}
				for _, s := range subscriptions {
					<-s.Events()
				}
			}
			for _, s := range subscriptions {
				s.Close()
			}
			stop()
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkSubscribe measures a client that joins and leaves among 10,000 others.
func BenchmarkSubscribe(b *testing.B) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	running, stop := context.WithCancel(b.Context())
	go func() { ended <- h.Run(running) }()
	ctx := context.Background()
	if _, err := h.Publish(ctx, hub.Message{Data: []byte("1")}); err != nil {
		b.Fatal(err)
	}
	for range 10_000 {
		if _, err := h.Subscribe(ctx, hub.SubscribeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := h.Subscribe(ctx, hub.SubscribeOptions{})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// BenchmarkResume measures one portion for a subscriber that resumes on 100 streams
// after all events that are kept.
func BenchmarkResume(b *testing.B) {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprint("s", i))
	}
	h, err := hub.New(hub.Options{Streams: hub.Named(names...), History: 257})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(b.Context())
	go func() { ended <- h.Run(ctx) }()
	first, err := h.Publish(ctx, hub.Message{Stream: names[0], Data: []byte("1")})
	if err != nil {
		b.Fatal(err)
	}
	for range 256 {
		for _, name := range names {
			if _, err := h.Publish(ctx, hub.Message{Stream: name, Data: []byte("1")}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := h.Subscribe(context.Background(), hub.SubscribeOptions{Streams: names, LastEventID: first.LastEventID()})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

package conflate_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/conflate"
)

// BenchmarkPublish measures one document: published to the hub itself, through a
// Conflator to a stream without a gap, which must cost no more, and to one with a gap,
// where it waits.
func BenchmarkPublish(b *testing.B) {
	h, err := hub.New(hub.Options{Streams: hub.Named("free", "conflated")})
	if err != nil {
		b.Fatal(err)
	}
	c := conflate.New(conflate.Options{Publisher: h, Gap: func(stream string) time.Duration {
		if stream == "free" {
			return 0
		}
		return time.Second
	}})
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 2)
	go func() { ended <- h.Run(ctx) }()
	go func() { ended <- c.Run(ctx) }()
	for _, test := range []struct {
		name, stream string
		to           conflate.Publisher
	}{{"hub", "free", h}, {"no_gap", "free", c}, {"gap", "conflated", c}} {
		b.Run(test.name, func(b *testing.B) {
			m := hub.Message{Stream: test.stream, Data: bytes.Repeat([]byte("1"), 200)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := test.to.Publish(ctx, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	if err := c.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	stop()
	for range cap(ended) {
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
}

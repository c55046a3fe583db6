package fanout_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/sse"
	"github.com/polluxhub/pollux/poller"
)

// clock is a source of documents.
type clock struct{}

func (clock) Fetch(context.Context, poller.Version) (poller.Reading, error) {
	return poller.Reading{Document: []byte(`{"tick":true}`)}, nil
}

// The parts in another program, with net/http alone: a source, a poller, a hub, and a
// handler.
func Example() {
	h, err := hub.New(hub.Options{})
	if err != nil {
		panic(err)
	}
	engine, err := fanout.New(fanout.Options{Hub: h, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	polling, err := poller.New(poller.Options{
		Publisher: h,
		Streams:   []poller.Stream{{Name: hub.DefaultStream, Source: clock{}, Every: time.Second}},
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	go func() { ended <- polling.Run(ctx) }()

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := engine.Open(r, fanout.Request{LastEventID: hub.ParseLastEventID(r.Header.Get("Last-Event-ID")), Limit: 1})
		if err != nil {
			http.Error(w, "no more streams", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", sse.ContentType)
		client.Serve(w, r)
	}))

	response, err := http.Get(server.URL)
	if err != nil {
		panic(err)
	}
	event, err := sse.NewDecoder(response.Body).Next()
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", event.Data)

	if err := response.Body.Close(); err != nil {
		panic(err)
	}
	server.Close()
	stop()
	<-ended
	<-ended
	// Output: {"tick":true}
}

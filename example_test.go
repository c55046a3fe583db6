package pollux_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/hub/sse"
	"github.com/polluxhub/pollux/poller"
)

// Quiet logs in these examples, which have an output to compare.
var quiet = slog.New(slog.DiscardHandler)

// The result of a function, served until the context ends.
func ExampleServe() {
	ctx, stop := context.WithCancel(context.Background())
	slog.SetDefault(quiet)
	err := pollux.Serve(ctx, "localhost:0", 5*time.Second, func(context.Context) (any, error) {
		stop() // or else this example would not end
		return map[string]int{"ACME": 12}, nil
	})
	fmt.Println(err)
	// Output: <nil>
}

// Several streams, in a server that has other routes.
func ExampleNew() {
	p, err := pollux.New(pollux.Options{
		Streams: []pollux.Stream{
			{Name: "prices", Poll: poller.Stream{
				Source: poller.Func(func(context.Context) (any, error) { return map[string]int{"ACME": 12}, nil }),
				Every:  time.Second,
			}},
			{Name: "orders"}, // which is published to
		},
		Logger: quiet,
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()

	mux := http.NewServeMux()
	mux.Handle("/live/", http.StripPrefix("/live", p.Handler()))
	server := httptest.NewUnstartedServer(mux)
	server.Config.ConnContext = p.ConnContext
	server.Start()

	if _, err := p.Publish(ctx, "orders", map[string]string{"item": "tea"}); err != nil {
		panic(err)
	}
	response, err := http.Get(server.URL + "/live/api/sse?stream=orders&limit=1")
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
	stop()
	fmt.Println(<-ended)
	server.Close()
	// Output:
	// {"item":"tea"}
	// <nil>
}

// Command function streams the result of a function, polled every five seconds:
//
//	go run ./examples/function
//	curl -N localhost:3000/api/sse
//
// The dashboard is at http://localhost:3000.
package main

import (
	"context"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"

	"github.com/polluxhub/pollux"
)

// prices is what you replace: a query, a calculation, a call of an API. It has to
// return when ctx ends.
func prices(context.Context) (any, error) {
	return map[string]float64{"ACME": 100 + rand.Float64()}, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := pollux.Serve(ctx, "localhost:3000", 5*time.Second, prices)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

package poller_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// A function of the caller is polled, and its result becomes an event.
func ExampleFunc() {
	type price struct {
		Symbol string  `json:"symbol"`
		Price  float64 `json:"price"`
	}
	h, err := hub.New(hub.Options{})
	if err != nil {
		panic(err)
	}
	polling, err := poller.New(poller.Options{
		Publisher: h,
		Streams: []poller.Stream{{
			Source: poller.Func(func(context.Context) (any, error) { return price{"ACME", 12.5}, nil }),
			Every:  5 * time.Second,
		}},
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	client, err := h.Subscribe(ctx, hub.SubscribeOptions{})
	if err != nil {
		panic(err)
	}
	go func() { ended <- polling.Run(ctx) }()
	fmt.Printf("%s\n", (<-client.Events()).Data())

	stop()
	<-ended
	<-ended
	// Output: {"symbol":"ACME","price":12.5}
}

func TestFunc(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		err   error
		want  string // the document, or the class of the failure
	}{
		{"a value", map[string]int{"a": 1}, nil, `{"a":1}`},
		{"bytes are the document", []byte(` {"a": 1.0}`), nil, ` {"a": 1.0}`},
		{"raw JSON is the document", json.RawMessage(`[1 ]`), nil, `[1 ]`},
		{"a string is a value", `{"a":1}`, nil, `"{\"a\":1}"`},
		{"nil is null", nil, nil, `null`},
		{"no JSON", make(chan int), nil, "invalid_json"},
		{"a failure", nil, errBoom, "error"},
		{"a failure with a class", nil, &poller.Error{Class: "db"}, "db"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := poller.Func(func(context.Context) (any, error) { return test.value, test.err })
			reading, err := source.Fetch(t.Context(), poller.Version{ETag: `"1"`})
			got := string(reading.Document)
			if classed, ok := errors.AsType[*poller.Error](err); ok {
				got = classed.Class
			} else if err != nil {
				got = "error"
			}
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	if poller.Func(nil) != nil {
		t.Error("a source of no function")
	}
}

package natslog_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// A reader asks for a bounded number of messages and bytes at a time, and its consumer does not stay in
// JetStream for long if the reader is killed.
func TestReadingAheadIsBounded(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, "")
	js := operator(t, server.URL)
	asked := make(chan *nats.Msg, 1)
	watch, err := js.Conn().ChanSubscribe("$JS.API.CONSUMER.MSG.NEXT."+natslog.DefaultName+".>", asked)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Unsubscribe() }()
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	log := node(t, server.URL, nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = log.Tail(ctx, func(hub.Batch) error { return nil }) // which ends with ctx
	}()
	defer func() { stop(); <-ended }()

	var request struct {
		Batch    int `json:"batch"`
		MaxBytes int `json:"max_bytes"`
	}
	select {
	case msg := <-asked:
		if err := json.Unmarshal(msg.Data, &request); err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("nothing is asked for")
	}
	if request.Batch != 4096 || request.MaxBytes != 64<<20 {
		t.Errorf("asked for %d messages of %d bytes in all, want 4096 of 64 MiB", request.Batch, request.MaxBytes)
	}
	stream, err := js.Stream(t.Context(), natslog.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	consumers := stream.ListConsumers(t.Context())
	for info := range consumers.Info() {
		if idle := info.Config.InactiveThreshold; idle != time.Minute {
			t.Errorf("consumer %s stays for %v without a question, want a minute", info.Name, idle)
		}
	}
	if err := consumers.Err(); err != nil {
		t.Error(err)
	}
}

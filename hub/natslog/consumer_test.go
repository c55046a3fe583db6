package natslog_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// A Tail that ends has its consumer removed, in a server of the log's own and in one beside it.
func TestTailLeavesNoConsumer(t *testing.T) {
	t.Parallel()
	own, server := start(t, t.TempDir(), nil), natstest.Start(t, "")
	for name, one := range map[string]struct {
		log *natslog.Log
		js  jetstream.JetStream
	}{
		"inside": {own.Log, own.raw(t)},
		"beside": {node(t, server.URL, nil), operator(t, server.URL)},
	} {
		all(t, one.log)
		// A server does what a connection asks for in order.
		if _, err := one.log.Append(t.Context(), hub.Message{Stream: "a", Data: []byte("1")}); err != nil {
			t.Fatal(err)
		}
		stream, err := one.js.Stream(t.Context(), natslog.DefaultName)
		if err != nil {
			t.Fatal(err)
		}
		if n := stream.CachedInfo().State.Consumers; n != 0 {
			t.Errorf("%s: %d consumers are left", name, n)
		}
	}
}

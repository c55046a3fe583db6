package natslog_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// What is counted, by the metric that shows it.
func TestStats(t *testing.T) {
	t.Parallel()
	log := start(t, t.TempDir(), func(o *natslog.Options, _ *embedded.Options) { o.Patience = 5 * time.Second }) // to be waited out, and enough for a busy machine
	js := log.raw(t)
	expect := func(what string, get func(hub.LogStats) uint64, want uint64) {
		t.Helper()
		if got := get(log.Stats()); got != want {
			t.Errorf("%s is %d, want %d", what, got, want)
		}
	}
	lag := func(s hub.LogStats) uint64 { return s.Lag }
	missing := func(s hub.LogStats) uint64 { return s.Missing }

	log.append(t, "a", "1")
	second := log.append(t, "a", "2")
	log.append(t, "a", "3")
	expect("store_lag", lag, 4) // with the root
	all(t, log)
	expect("store_lag", lag, 0)
	expect("store_missing_total", missing, 0)

	// Somebody else publishes there, and removes a document.
	if _, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: "pollux.d.a", Data: []byte("foreign")}); err != nil {
		t.Fatal(err)
	}
	log.append(t, "a", "4")
	expect("store_conflicts_total", func(s hub.LogStats) uint64 { return s.Conflicts }, 1)
	stream, err := js.Stream(t.Context(), natslog.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), second.Seq()); err != nil {
		t.Fatal(err)
	}
	all(t, log)
	expect("store_missing_total", missing, 1)
	expect("store_skipped_total of foreign messages", func(s hub.LogStats) uint64 { return s.Foreign }, 1)
	expect("store_skipped_total of broken messages", func(s hub.LogStats) uint64 { return s.Broken }, 0)
	expect("store_messages", func(s hub.LogStats) uint64 { return s.Messages }, 5)

	// A caller that gives up, and a server that ends.
	given, up := context.WithCancel(t.Context())
	up()
	if _, err := log.Append(given, hub.Message{Stream: "a", Data: []byte("5")}); err == nil {
		t.Error("appended for a caller that has gone")
	}
	tailing(t, log)
	if err := log.server.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	eventually(t, "store_rebuilds_total rises", func() bool { return log.Stats().Rebuilt > 0 })
	if _, err := log.Append(t.Context(), hub.Message{Stream: "a", Data: []byte("6")}); err == nil {
		t.Error("appended to a server that has ended")
	}
	expect("store_refused_total", func(s hub.LogStats) uint64 { return s.Refused[hub.LogRefusedUnavailable] }, 1)
	expect("store_failures_total", func(s hub.LogStats) uint64 { return s.Failures }, 1)
	if log.Stats().Stored {
		t.Error("store_working is 1 without a server")
	}
}

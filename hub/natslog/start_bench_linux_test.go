package natslog_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// The store of BenchmarkStart.
const (
	benchStreams = 100
	benchEvents  = 1000 // of each
)

// BenchmarkStart measures the time from a folder with 100,000 events to a hub that has read them.
// The yardstick is a bare consumer of NATS that reads the same messages and does nothing with
// them, from the start of the same server. Compare the two within one run.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	names := make([]string, benchStreams)
	for i := range names {
		names[i] = fmt.Sprint("s", i)
	}
	log := openBench(b, dir)
	for i := range benchStreams * benchEvents {
		if _, err := log.Append(b.Context(), hub.Message{Stream: names[i%benchStreams], Data: fmt.Appendf(nil, `{"n":%d,"text":"%0450d"}`, i, 1)}); err != nil {
			b.Fatal(err)
		}
	}
	closeBench(b, log)

	b.Run("hub", func(b *testing.B) {
		b.ReportAllocs()
		defer reportProcessor(b)()
		for b.Loop() {
			log := openBench(b, dir)
			h, err := hub.New(hub.Options{Log: log, Streams: hub.Named(names...)})
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(b.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = h.Run(ctx) })
			<-h.Recovered()
			b.StopTimer()
			if got := h.Stats().Published; got != benchStreams*benchEvents {
				b.Errorf("the hub has %d events", got)
			}
			stop()
			running.Wait()
			closeBench(b, log)
			b.StartTimer()
		}
	})
	b.Run("yardstick", func(b *testing.B) {
		b.ReportAllocs()
		defer reportProcessor(b)()
		for b.Loop() {
			server := serverBench(b, dir)
			if _, err := server.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			conn, err := server.Connect()
			if err != nil {
				b.Fatal(err)
			}
			drain(b, conn)
			b.StopTimer()
			conn.Close()
			if err := server.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
}

// reportProcessor reports how long processors have worked for each start, and its end. Other
// programs on the machine make less of a difference to it than to the time.
func reportProcessor(b *testing.B) func() {
	b.Helper()
	used := func() time.Duration {
		var r unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric((used()-before).Seconds()/float64(b.N), "cpu-s/op") }
}

// drain reads the whole stream with an ordered consumer.
func drain(b *testing.B, conn *nats.Conn) {
	b.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		b.Fatal(err)
	}
	consumer, err := js.OrderedConsumer(b.Context(), natslog.DefaultName, jetstream.OrderedConsumerConfig{})
	if err != nil {
		b.Fatal(err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(4096))
	if err != nil {
		b.Fatal(err)
	}
	defer messages.Stop()
	for range benchStreams*benchEvents + 1 { // with the root
		if _, err := messages.Next(jetstream.NextMaxWait(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
}

func serverBench(b *testing.B, dir string) *embedded.Server {
	b.Helper()
	server, err := embedded.New(embedded.Options{Dir: dir, Sync: embedded.SyncInterval, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	return server
}

func openBench(b *testing.B, dir string) *natslog.Log {
	b.Helper()
	log, err := natslog.New(natslog.Options{Server: serverBench(b, dir), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	if err := log.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	return log
}

func closeBench(b *testing.B, log *natslog.Log) {
	b.Helper()
	if err := log.Close(context.WithoutCancel(b.Context())); err != nil {
		b.Fatal(err)
	}
}

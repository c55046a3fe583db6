package hub_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

// manyKeys returns a hub that runs, with keys "k/0", "k/1" and so on, each of which has
// one document of 100 bytes and no listener, and a plain stream with such a document.
func manyKeys(tb testing.TB, count, maxKeys int) *hub.Hub {
	tb.Helper()
	h, err := hub.New(hub.Options{Streams: []hub.StreamOptions{
		keyed(tb, "k", "[0-9]+", hub.KeyOptions{Max: maxKeys, IdleBytes: 1 << 30}), {Name: "plain"},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(tb.Context())
	go func() { ended <- h.Run(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	data := []byte(strings.Repeat("1", 100))
	if _, err := h.Publish(tb.Context(), hub.Message{Stream: "plain", Data: data}); err != nil {
		tb.Fatal(err)
	}
	for i := range count {
		name := fmt.Sprint("k/", i)
		if err := h.Touch(name); err != nil {
			tb.Fatal(err)
		}
		if _, err := h.Publish(tb.Context(), hub.Message{Stream: name, Data: data}); err != nil {
			tb.Fatal(err)
		}
	}
	return h
}

// A key with a small document that nobody listens to takes at most 2 kB.
func TestAnIdleKeyIsSmall(t *testing.T) {
	const keys, most = 10_000, 2 << 10
	bytes := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := bytes()
	h := manyKeys(t, keys, keys)
	if each := int64(bytes()-before) / keys; each > most {
		t.Errorf("a key takes %d bytes, want at most %d", each, most)
	} else {
		t.Logf("a key takes %d bytes", each)
	}
	if n := statsOf(t, h, "k").Keys; n != keys {
		t.Errorf("%d keys exist", n)
	}
}

// BenchmarkKeyComesAndGoes shows what one key costs that comes with a listener, is told to
// a poller, loses the listener, and ends, beside 10,000 others.
func BenchmarkKeyComesAndGoes(b *testing.B) {
	h := manyKeys(b, 10_000, 10_001)
	demand, err := h.Keys("k")
	if err != nil {
		b.Fatal(err)
	}
	changes := demand.Changes(nil)
	ctx := context.Background()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s, err := h.Subscribe(ctx, on(fmt.Sprint("k/", 1_000_000+i)))
		if err != nil {
			b.Fatal(err)
		}
		<-demand.Changed()
		changes = demand.Changes(changes[:0])
		s.Close()
		changes = demand.Changes(changes[:0])
	}
}

// BenchmarkSubscribeKey compares a listener of one of 10,000 known keys with one of a
// plain stream.
func BenchmarkSubscribeKey(b *testing.B) {
	h := manyKeys(b, 10_000, 10_000)
	ctx := context.Background()
	for _, name := range []string{"plain", "k/5000"} {
		b.Run(strings.ReplaceAll(name, "/", "-"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := h.Subscribe(ctx, on(name))
				if err != nil {
					b.Fatal(err)
				}
				if len(s.Replay()) != 1 {
					b.Fatal("no document")
				}
				s.Close()
			}
		})
	}
}

// BenchmarkPublishToKeys shows what a document costs of a key that nobody listens to, alone
// and together with 99 others.
func BenchmarkPublishToKeys(b *testing.B) {
	h := manyKeys(b, 1000, 1000)
	data := []byte(strings.Repeat("1", 100))
	publish := func(b *testing.B, list []hub.Message) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.PublishAll(b.Context(), list); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/document")
	}
	list := make([]hub.Message, 100)
	for i := range list {
		list[i] = hub.Message{Stream: fmt.Sprint("k/", i), Data: data}
	}
	b.Run("documents=1", func(b *testing.B) { publish(b, list[:1]) })
	b.Run("documents=100", func(b *testing.B) { publish(b, list) })
}

package poller

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/polluxhub/pollux/hub"
)

// TestKeyIsSmall bounds what the poller keeps of a key that has an answer. There are ten
// thousand of them by default, and a million at most.
func TestKeyIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(watchedKey{}); size > 448 {
		t.Errorf("a key has %d bytes, want at most 448", size)
	}
}

// crowd is a hub with keys whose listeners never change.
type crowd struct {
	taking
	changes []hub.KeyChange
	changed chan struct{}
}

func (c *crowd) Keys(string) (hub.KeyDemand, error) { return c, nil }
func (c *crowd) Changed() <-chan struct{}           { return c.changed }
func (c *crowd) Newest(string) *hub.Event           { return nil }
func (c *crowd) Listeners(string) int               { return 1 }

func (c *crowd) Changes(list []hub.KeyChange) []hub.KeyChange {
	list = append(list, c.changes...)
	c.changes = nil
	return list
}

func (*crowd) PublishAll(_ context.Context, list []hub.Message) ([]hub.ID, error) {
	ids := make([]hub.ID, len(list))
	for i := range ids {
		ids[i], _ = hub.NewID("e", 1)
	}
	return ids, nil
}

// quick answers at once with the keys that it is asked for, and counts them.
type quick struct{ asked chan int }

func (q *quick) FetchKeys(_ context.Context, keys []string, _ Version) (Reading, error) {
	q.asked <- len(keys)
	return Reading{Document: []byte(`"` + strings.Join(keys, " ") + `"`)}, nil
}

// splitWords makes a part for each key of an answer of quick.
func splitWords(_ context.Context, document []byte) ([]Part, error) {
	var parts []Part
	for key := range strings.FieldsSeq(strings.Trim(string(document), `"`)) {
		parts = append(parts, Part{Key: key, Document: []byte("1")})
	}
	return parts, nil
}

// BenchmarkTenThousandKeys measures the cost of the poller for one poll of one of 10,000
// keys, alone and in requests for a hundred, and the memory that a key takes.
func BenchmarkTenThousandKeys(b *testing.B) {
	const count = 10_000
	for _, batch := range []int{1, 100} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			h := &crowd{changed: make(chan struct{}, 1)}
			for i := range count {
				h.changes = append(h.changes, hub.KeyChange{Name: fmt.Sprintf("prices/K%d", i), Exists: true, Listeners: 1})
			}
			q := &quick{asked: make(chan int, 1000)}
			stream := Stream{Name: "prices", Every: 10 * time.Millisecond, Keys: &Keys{Source: q, Batch: batch}}
			if batch > 1 {
				stream.Keys.Split = splitWords
			}
			p, err := New(Options{Publisher: h, Streams: []Stream{stream}, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error)
			go func() { ended <- p.Run(ctx) }()
			for asked := 0; asked < count; {
				asked += <-q.asked
			}
			b.ResetTimer()
			for asked := 0; asked < b.N; {
				asked += <-q.asked
			}
			b.StopTimer()
			cancel()
			for range len(q.asked) {
				<-q.asked
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/count, "B/key")
			for done := false; !done; {
				select {
				case err := <-ended:
					if err != nil {
						b.Fatal(err)
					}
					done = true
				case <-q.asked:
				}
			}
		})
	}
}

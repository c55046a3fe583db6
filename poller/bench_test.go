package poller

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// answering is a source that returns prepared answers.
type answering struct {
	documents [][]byte
	n         int
}

func (a *answering) Fetch(context.Context, Version) (Reading, error) {
	a.n++
	return Reading{Document: a.documents[a.n%len(a.documents)]}, nil
}

// taking is a publisher that accepts everything.
type taking struct{}

func (taking) Publish(context.Context, hub.Message) (hub.ID, error) { return hub.ID{}, nil }

func (taking) Demand(string) (hub.Demand, error) { return nobody{}, nil }

func (taking) PublishAll(context.Context, []hub.Message) ([]hub.ID, error) { return nil, nil }

func (taking) Keys(string) (hub.KeyDemand, error) { return nil, hub.ErrUnknownStream }

type nobody struct{}

func (nobody) Listeners() int           { return 0 }
func (nobody) Changed() <-chan struct{} { return nil }

// BenchmarkThousandStreams measures the cost of the poller for one poll of one of 1,000
// streams, from the tick to the plan of the next one, without sleep, network or hub.
// Documents have 5 kB.
func BenchmarkThousandStreams(b *testing.B) {
	first := fmt.Appendf(nil, `{"values":[%s0]}`, bytes.Repeat([]byte(`12345,`), 850))
	second := bytes.Replace(first, []byte(`5,0]`), []byte(`5,1]`), 1)
	for _, test := range []struct {
		name      string
		documents [][]byte
	}{
		{"unchanged", [][]byte{first}},
		{"changed", [][]byte{first, second}},
	} {
		b.Run(test.name, func(b *testing.B) {
			streams := make([]Stream, 1000)
			for i := range streams {
				streams[i] = Stream{Name: fmt.Sprintf("s%d", i), Source: &answering{documents: test.documents}, Every: time.Second}
			}
			p, err := New(Options{Publisher: taking{}, Streams: streams, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			for _, l := range p.loops {
				l.begin()
				l.attempt(b.Context())
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				l := p.loops[n%len(p.loops)]
				l.schedule.due = time.Now()
				if !l.wait(b.Context()) {
					b.Fatal("not due")
				}
				l.attempt(b.Context())
				n++
			}
			if failed := p.Status()[0].Error; failed != "" {
				b.Error(failed)
			}
		})
	}
}

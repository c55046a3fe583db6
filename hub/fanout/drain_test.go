package fanout_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// A drain ends each stream with the time after which its client should return, also for
// scripts, which cannot read the retry field.
func TestDrainSaysWhenToReturn(t *testing.T) { inAllFormats(t, testDrainSaysWhenToReturn) }

func testDrainSaysWhenToReturn(t *testing.T, start starter, in format) {
	r := start(hub.Options{}, fanout.Options{Random: func() float64 { return 0 }})
	at := r.publish("1").String()
	want := map[string]string{"": "retry: 2000", "heartbeat=event": "retry: 2000\nevent: hb\ndata: {\"retry\":2000,\"now\":\""}
	if in == asLines {
		want = map[string]string{"": `{"event":"hb","data":{"retry":2000,"now":"`}
	}
	ends := make(map[string]func() string)
	for query := range want {
		next := r.blocks(in, query)
		block := next()
		for !strings.Contains(block, at) {
			block = next()
		}
		if query != "" {
			next() // the end of the replay
		}
		ends[query] = next
	}
	if err := r.engine.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for query, next := range ends {
		if got := next(); !strings.HasPrefix(got, want[query]) || query == "" && in != asLines && got != want[query] {
			t.Errorf("%q: the end is %q, want %s", query, got, want[query])
		}
		if got := next(); got != "EOF" {
			t.Errorf("%q: behind the end comes %q", query, got)
		}
	}
}

// The clients of a server that drains come to the next one in no second more than twice
// as fast as if they were spread evenly over the window: whether the next server takes
// them at once, or is there only when all of them already try.
func TestReturnAfterADrain(t *testing.T) {
	for _, window := range []time.Duration{2 * time.Second, fanout.MaxRetry, 8 * time.Second, 30 * time.Second} {
		t.Run(window.String(), func(t *testing.T) { testReturnAfterADrain(t, window) })
	}
}

func testReturnAfterADrain(t *testing.T, window time.Duration) {
	const clients = 2000
	type end struct{ after, retry time.Duration }
	ends := make([]end, clients)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		source := rand.New(rand.NewPCG(1, 2))
		r := newRig(t, hub.Options{}, fanout.Options{Random: func() float64 {
			mu.Lock()
			defer mu.Unlock()
			return source.Float64()
		}}, hubtest.NewPipeListener(), portable)
		defer r.stop()
		var begin time.Time
		var reading sync.WaitGroup
		for i := range ends {
			c := r.open(r.dial(), "")
			reading.Go(func() {
				var err error
				for err == nil {
					_, err = c.Next()
				}
				retry, _ := c.Retry()
				ends[i] = end{time.Since(begin), retry}
			})
		}
		begin = time.Now()
		if err := r.engine.Drain(t.Context(), window); err != nil {
			t.Error(err)
		}
		reading.Wait()
	})
	for name, up := range map[string]time.Duration{"at once": 0, "after the window": window, "late": 3 * window} {
		var returns []time.Duration
		for _, e := range ends {
			at := e.after + e.retry
			for at < up {
				at += e.retry // nobody answers yet
			}
			returns = append(returns, at)
		}
		slices.Sort(returns)
		most, from := 0, 0
		for i, at := range returns {
			for returns[from] <= at-time.Second {
				from++
			}
			most = max(most, i-from+1)
		}
		even := clients * float64(time.Second) / float64(window)
		t.Logf("%s: %.0f a second is even, %d the peak", name, even, most)
		if float64(most) > 2*even {
			t.Errorf("the next server, %s, gets %d clients in a second, more than twice %.0f", name, most, even)
		}
	}
}

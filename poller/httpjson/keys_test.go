package httpjson_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/reshape"
)

// quotes is an upstream for many keys that counts what it is asked.
type quotes struct {
	mu       sync.Mutex
	requests int
	flying   map[string]bool
	twice    string // a key that was in two requests at once
	version  int
}

func (q *quotes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	keys := strings.Split(r.URL.Query().Get("symbols"), ",")
	q.mu.Lock()
	q.requests++
	version := q.version
	for _, key := range keys {
		if q.flying[key] {
			q.twice = key
		}
		q.flying[key] = true
	}
	q.mu.Unlock()
	time.Sleep(50 * time.Millisecond)
	q.mu.Lock()
	for _, key := range keys {
		delete(q.flying, key)
	}
	q.mu.Unlock()
	for i, key := range keys {
		keys[i] = fmt.Sprintf(`{"symbol":%q,"price":%d}`, key, version)
	}
	_, _ = io.WriteString(w, `{"quotes":[`+strings.Join(keys, ",")+`]}`)
}

// count returns the requests since the last call.
func (q *quotes) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.requests
	q.requests = 0
	return n
}

// TestKeysFromHubToUpstream has a real hub, poller and source: a thousand keys with a
// client each, a hundred keys in a request.
func TestKeysFromHubToUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 2 * time.Second
		q := &quotes{flying: make(map[string]bool)}
		source, err := httpjson.NewKeyed(httpjson.Options{URL: "http://upstream/quotes?symbols={keys}", Transport: memoryUpstream(t, q.ServeHTTP)}, true)
		if err != nil {
			t.Fatal(err)
		}
		split, err := reshape.NewSplit(".quotes[] | {key: .symbol, value: .}", reshape.Options{})
		if err != nil {
			t.Fatal(err)
		}
		pattern, err := hub.NewKeyPattern("K[0-9]{1,5}")
		if err != nil {
			t.Fatal(err)
		}
		logger := slog.New(slog.DiscardHandler)
		h, err := hub.New(hub.Options{Streams: []hub.StreamOptions{{Name: "quotes", Keys: &hub.KeyOptions{Match: pattern, Idle: 5 * time.Second}}}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := poller.New(poller.Options{Publisher: h, Logger: logger, Streams: []poller.Stream{{
			Name: "quotes", Every: every, Keys: &poller.Keys{Source: source, Batch: 100, Split: split.Split},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, run := range []func(context.Context) error{h.Run, p.Run} {
			all.Go(func() {
				if err := run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		defer all.Wait()
		defer cancel()

		clients := make([]*hub.Subscription, 1000)
		for i := range clients {
			if clients[i], err = h.Subscribe(ctx, hub.SubscribeOptions{Streams: []string{fmt.Sprint("quotes/K", i)}}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(every / 2)
		if n := q.count(); n != 10 {
			t.Errorf("%d requests at first, want 10", n)
		}
		for i, client := range clients {
			select {
			case event := <-client.Events():
				if want := fmt.Sprintf(`{"price":0,"symbol":"K%d"}`, i); string(event.Data()) != want {
					t.Fatalf("a client got %s, want %s", event.Data(), want)
				}
			default:
				t.Fatalf("client %d got nothing", i)
			}
		}
		// Ten requests are spread over an interval. Counting begins and ends between two.
		time.Sleep(2*every + every/20)
		q.count()
		q.mu.Lock()
		q.version = 1
		q.mu.Unlock()
		time.Sleep(3 * every)
		if n := q.count(); n != 30 {
			t.Errorf("%d requests in three intervals, want 30", n)
		}
		for i, client := range clients {
			if n := len(client.Events()); n != 1 {
				t.Fatalf("client %d got %d events, want the change", i, n)
			}
		}
		for _, client := range clients {
			client.Close()
		}
		time.Sleep(6 * time.Second)
		q.count()
		if status := p.Status()[0]; status.Keys != 0 || !status.Idle {
			t.Errorf("the stream has %+v", status)
		}
		time.Sleep(10 * every)
		if n := q.count(); n != 0 {
			t.Errorf("%d requests for keys that nobody listens to", n)
		}
		if q.twice != "" {
			t.Errorf("%s was in two requests at once", q.twice)
		}
	})
}

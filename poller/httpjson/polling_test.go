package httpjson_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// TestPolling lets a poller ask an upstream by HTTP through good and bad times, in fake
// time.
func TestPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 10 * time.Second
		began := time.Now()
		var asked []string
		transport := memoryUpstream(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, time.Since(began).String()+" "+r.Header.Get("If-None-Match"))
			switch n := len(asked); n {
			case 1, 2:
				if r.Header.Get("If-None-Match") == `"v1"` {
					w.WriteHeader(http.StatusNotModified)
					return
				}
				w.Header().Set("ETag", `"v1"`)
				_, _ = io.WriteString(w, `{"n": 1}`)
			case 3: // the version changed, the document did not
				w.Header().Set("ETag", `"v2"`)
				_, _ = io.WriteString(w, `{"n":1}`)
			case 4:
				w.WriteHeader(http.StatusBadGateway)
			case 5, 6:
				<-r.Context().Done()
			default:
				w.Header().Set("ETag", `"v3"`)
				_, _ = io.WriteString(w, `{"n": 2}`)
			}
		})
		s := newSource(t, httpjson.Options{URL: "http://upstream", Transport: transport})
		var got recorder
		polling, err := poller.New(poller.Options{
			Publisher: &got,
			Streams:   []poller.Stream{{Source: s, Every: every}},
			Logger:    slog.New(slog.DiscardHandler),
			Rand:      func() float64 { return 0 },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 7*every-1)
		defer cancel()
		if err := polling.Run(ctx); err != nil {
			t.Fatal(err)
		}
		wantAsked := []string{"0s ", `10s "v1"`, `20s "v1"`, `30s "v2"`, `40s "v2"`, `50s "v2"`, `1m0s "v2"`}
		if diff := cmp.Diff(wantAsked, asked); diff != "" {
			t.Errorf("asked (-want +got)\n%s", diff)
		}
		// The last success before the bad time is at 20 s.
		want := []string{`{"n":1}`, "stale timeout", `{"n":2}`, "live "}
		if diff := cmp.Diff(want, got.messages); diff != "" {
			t.Errorf("published (-want +got)\n%s", diff)
		}
		failures := map[string]uint64{"http_502": 1, "timeout": 2}
		if diff := cmp.Diff(failures, polling.Status()[0].Failures); diff != "" {
			t.Errorf("failures (-want +got)\n%s", diff)
		}
	})
}

// recorder is a publisher.
type recorder struct {
	mu       sync.Mutex
	messages []string
}

func (r *recorder) Publish(_ context.Context, m hub.Message) (hub.ID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := string(m.Data)
	if m.Status != nil {
		text = string(m.Status.State) + " " + m.Status.Error
	}
	r.messages = append(r.messages, text)
	return hub.ID{}, nil
}

func (*recorder) Demand(string) (hub.Demand, error) { return nobody{}, nil }

func (*recorder) PublishAll(context.Context, []hub.Message) ([]hub.ID, error) { return nil, nil }

func (*recorder) Keys(string) (hub.KeyDemand, error) { return nil, hub.ErrUnknownStream }

type nobody struct{}

func (nobody) Listeners() int           { return 0 }
func (nobody) Changed() <-chan struct{} { return nil }

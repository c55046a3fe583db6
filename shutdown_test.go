package pollux

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// stuckLog is a log that stores nothing once it is stuck.
type stuckLog struct {
	hub.Log
	stuck atomic.Bool
}

func (l *stuckLog) Append(ctx context.Context, m hub.Message) (hub.ID, error) {
	if !l.stuck.Load() {
		return l.Log.Append(ctx, m)
	}
	<-ctx.Done()
	return hub.ID{}, ctx.Err()
}

// However long everything takes that may take long, the end does not take longer than it
// may. Documents that wait are published within the drain window.
func TestShutdownIsBounded(t *testing.T) {
	const whole = DefaultDrain + streamGrace
	for name, test := range map[string]struct {
		drain, want time.Duration // want is exact: time is fake
		stuck       bool          // documents that wait cannot be published
		reads       time.Duration // when a client begins to read what it was sent; 0 for no client
		upload      time.Duration // when somebody begins to send a body that does not end; 0 for nobody
	}{
		"nothing":                   {drain: DefaultDrain},
		"a log that is stuck":       {drain: DefaultDrain, want: flushTimeout, stuck: true},
		"a body":                    {drain: DefaultDrain, want: time.Second + streamGrace, reads: time.Second, upload: 500 * time.Millisecond},
		"a client that is stuck":    {drain: DefaultDrain, want: whole, reads: time.Hour},
		"everything is stuck":       {drain: DefaultDrain, want: whole, stuck: true, reads: time.Hour, upload: 6 * time.Second},
		"a client that reads late":  {drain: DefaultDrain, want: whole - time.Millisecond + requestGrace, stuck: true, reads: whole - time.Millisecond, upload: 6 * time.Second},
		"a client that reads early": {drain: DefaultDrain, want: whole, reads: DefaultDrain + 100*time.Millisecond, upload: 6 * time.Second},
		"a short window":            {drain: 500 * time.Millisecond, want: flushTimeout + streamGrace, stuck: true, reads: time.Hour, upload: time.Second},
		"no window":                 {want: flushTimeout + streamGrace, stuck: true, reads: time.Hour, upload: time.Second},
		"no window, nothing waits":  {want: streamGrace, reads: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &stuckLog{Log: hub.NewMemoryLog()}
				p := newPollux(t, Options{
					Listen:  []string{"127.0.0.1:0"}, // which is not bound
					Hub:     hub.Options{Log: log},
					HTTP:    handlers.Options{Publish: auth.NewBearer("thyme")},
					Engine:  fanout.Options{WriteTimeout: time.Hour, Random: func() float64 { return 0 }}, // streams end at once, if they can
					Streams: []Stream{{Name: "waits", AtMost: time.Hour}, {Name: "large"}},
				})
				p.opts.Drain = test.drain
				pipe := hubtest.NewPipeListener()
				ctx, stop := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { _ = p.hub.Run(ctx) })
				running.Go(func() { _ = p.latest.Run(ctx) })
				running.Go(func() {
					if err := p.engine.Serve(p.server, pipe); !errors.Is(err, http.ErrServerClosed) {
						t.Error(err)
					}
				})
				publish := func(stream, document string) {
					if _, err := p.Publish(t.Context(), stream, []byte(document)); err != nil {
						t.Fatal(err)
					}
				}
				publish("waits", "1")
				publish("large", `"`+strings.Repeat("x", 500_000)+`"`)
				if test.reads > 0 {
					conn := pipe.Dial()
					_, _ = io.WriteString(conn, "GET /api/sse?stream=large HTTP/1.1\r\nHost: localhost\r\n\r\n")
					synctest.Wait()
					running.Go(func() {
						defer conn.Close()
						select {
						case <-time.After(test.reads):
							_, _ = io.Copy(io.Discard, conn)
						case <-ctx.Done():
						}
					})
				}
				if test.upload > 0 {
					running.Go(func() {
						time.Sleep(test.upload)
						conn := pipe.Dial()
						defer conn.Close()
						_, _ = io.WriteString(conn, "POST /api/streams/large/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer thyme\r\nContent-Length: 1000\r\n\r\n1")
						_, _ = io.Copy(io.Discard, conn)
					})
				}
				if test.stuck {
					publish("waits", "2")
					log.stuck.Store(true)
				}
				synctest.Wait()
				begin := time.Now()
				_ = p.shutdown()
				if took := time.Since(begin); took != test.want || took > max(p.opts.Drain, flushTimeout)+ShutdownGrace {
					t.Errorf("it took %v, want %v", took, test.want)
				}
				stop()
				running.Wait()
			})
		})
	}
}

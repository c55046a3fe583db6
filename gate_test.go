package pollux

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/internal/parts"
	"github.com/polluxhub/pollux/poller"
)

// slowLog takes a second for each document that contains "pushed".
type slowLog struct{ *hub.MemoryLog }

func (l slowLog) Append(ctx context.Context, m hub.Message) (hub.ID, error) {
	if strings.Contains(string(m.Data), "pushed") {
		time.Sleep(time.Second)
	}
	return l.MemoryLog.Append(ctx, m)
}

// TestPushWhileAStreamBecomesPolled publishes at the moment at which the stream becomes
// polled: the document is refused, or comes before the first one of the poller, which
// does not know of it and would never replace it.
func TestPushWhileAStreamBecomesPolled(t *testing.T) {
	for name, atMost := range map[string]time.Duration{"at once": 0, "later": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPollux(t, Options{Streams: []Stream{{AtMost: atMost}}, Hub: hub.Options{Log: slowLog{hub.NewMemoryLog()}}})
				ctx, cancel := context.WithCancel(t.Context())
				running := parts.Start(ctx, []parts.Part{
					{Name: "hub", Run: p.hub.Run}, {Name: "poller", Run: p.poller.Run}, {Name: "conflater", Run: p.latest.Run},
				})
				defer func() {
					cancel()
					_ = running.All()
				}()
				synctest.Wait()
				for range 2 { // of which with AtMost the second one waits
					if _, err := p.Publish(ctx, "", "pushed"); err != nil {
						t.Fatal(err)
					}
				}
				taken := make(chan error)
				go func() {
					_, err := p.Publish(ctx, "", "pushed last")
					taken <- err
				}()
				synctest.Wait() // it is on its way to the log, or waits
				set := make(chan error)
				go func() {
					_, err := p.SetStreams([]Stream{{Poll: poller.Stream{Source: poller.Func(func(context.Context) (any, error) { return "polled", nil }), Every: time.Minute}}})
					set <- err
				}()
				synctest.Wait()
				if _, err := p.Publish(ctx, "", "pushed too late"); !errors.Is(err, ErrPolled) {
					t.Errorf("published while the stream becomes polled: %v", err)
				}
				for _, result := range []chan error{taken, set} {
					if err := <-result; err != nil {
						t.Error(err)
					}
				}
				time.Sleep(5 * time.Minute)
				if e, err := p.Hub().Latest(""); err != nil || string(e.Data()) != `"polled"` {
					t.Errorf("the newest document is %s, %v", e.Data(), err)
				}
				if stats := p.Hub().Stats().Streams[0]; stats.Events != 4 && atMost == 0 || stats.Events != 3 && atMost > 0 {
					t.Errorf("%d documents", stats.Events)
				}
			})
		})
	}
}

package conflate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/conflate"
)

// errBroken is an error after which a document may have been stored.
var errBroken = errors.New("the log is broken")

// publisher is a hub that tells what it gets, and when.
type publisher struct {
	begun time.Time
	takes func(m hub.Message) time.Duration // nil means no time
	fails func(m hub.Message) error         // nil means never

	mu   sync.Mutex
	seq  uint64
	got  []string // "250ms prices/BTC 1", or with an error behind
	busy map[string]bool
}

func newPublisher() *publisher {
	return &publisher{begun: time.Now(), busy: make(map[string]bool)}
}

func (p *publisher) Publish(ctx context.Context, m hub.Message) (hub.ID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[m.Stream] {
		panic("two documents of " + m.Stream + " at once")
	}
	p.busy[m.Stream] = true
	defer delete(p.busy, m.Stream)
	var err error
	if p.takes != nil {
		takes := p.takes(m)
		p.mu.Unlock()
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			err = ctx.Err()
		}
		p.mu.Lock()
	}
	if p.fails != nil && err == nil {
		err = p.fails(m)
	}
	line := fmt.Sprintf("%v %s %s", time.Since(p.begun), m.Stream, m.Data)
	if err != nil {
		p.got = append(p.got, line+": "+err.Error())
		return hub.ID{}, err
	}
	p.got = append(p.got, line)
	p.seq++
	return hub.NewID("e", p.seq)
}

// set changes the behaviour of the publisher.
func (p *publisher) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// expect compares what the publisher has got since the last call.
func (p *publisher) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if diff := cmp.Diff(want, p.got); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	p.got = nil
}

// gapOf returns an Options.Gap with the same gap for each stream but "free".
func gapOf(gap time.Duration) func(string) time.Duration {
	return func(stream string) time.Duration {
		if stream == "free" {
			return 0
		}
		return gap
	}
}

// start runs a Conflator. The function that it returns ends it.
func start(t *testing.T, p conflate.Publisher, gap func(string) time.Duration, logger *slog.Logger) (*conflate.Conflator, func() error) {
	t.Helper()
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	c := conflate.New(conflate.Options{Publisher: p, Gap: gap, Logger: logger})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	return c, func() error {
		cancel()
		return <-ended
	}
}

// give publishes a document, and checks whether it was published or waits.
func give(t *testing.T, c *conflate.Conflator, stream, data string, published bool) {
	t.Helper()
	id, err := c.Publish(t.Context(), hub.Message{Stream: stream, Data: []byte(data)})
	if err != nil || id.IsZero() == published {
		t.Errorf("%s %s: ID %v, error %v, want published %v", stream, data, id, err, published)
	}
}

package pollux

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/internal/leak"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
)

// newPollux returns a Pollux whose streams end at once, and which logs nothing.
func newPollux(t *testing.T, opts Options) *Pollux {
	t.Helper()
	opts.Drain = -1
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	p, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs p until stop is called, which returns what Run returned. After the test, no
// goroutine may be left.
func run(t *testing.T, p *Pollux) (stop func() error) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { leak.Check(t, before) })
	if err := p.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// A part that fails ends everything, with the part's name and error.
func TestRunEndsWithItsParts(t *testing.T) {
	before := goleak.IgnoreCurrent()
	p := newPollux(t, Options{Listen: []string{"127.0.0.1:0"}})
	if err := p.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.listeners[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "server: ") {
		t.Errorf("Run returned %v", err)
	}
	leak.Check(t, before)
}

func TestRunTwice(t *testing.T) {
	p := newPollux(t, Options{})
	stop := run(t, p)
	if _, err := p.hub.Publish(t.Context(), hub.Message{Data: []byte("1")}); err != nil { // waits for Run
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("the second Run returned %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := p.Run(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("Run after the end returned %v", err)
	}
}

// However many streams there are, each is asked within ten seconds of the start.
func TestFirstPollsAreSpread(t *testing.T) {
	const count = 300
	var streams []Stream
	for i := range count {
		streams = append(streams, Stream{Name: fmt.Sprint("s", i), Poll: poller.Stream{Source: &mock.Source{}, Every: time.Minute}})
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPollux(t, Options{Streams: streams})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = p.hub.Run(ctx) }) // ends with the test
		running.Go(func() { _ = p.poller.Run(ctx) })
		asked := func() (n uint64) {
			for _, s := range p.poller.Status() {
				n += s.Polls
			}
			return n
		}
		for after, want := range []uint64{count * 4 / 10, count} { // half of them, and all
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if n := asked(); n < want || after == 0 && n > count*6/10 {
				t.Errorf("%d of %d were asked after %d s", n, count, 5*(after+1))
			}
		}
		cancel()
		running.Wait()
	})
}

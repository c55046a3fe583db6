package pollux

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
)

// storedLog is a log in memory that says that it outlives the process.
type storedLog struct {
	hub.Log
	failure error
	close   func() error // nil: it is closed at once
	told    chan error   // of a log that is shared, what it tells; nil if it is not
}

func newStoredLog() *storedLog { return &storedLog{Log: hub.NewMemoryLog()} }

func (l *storedLog) Open(context.Context) error { return nil }
func (l *storedLog) Failure() error             { return l.failure }
func (l *storedLog) Stats() hub.LogStats        { return hub.LogStats{Stored: l.failure == nil} }

func (l *storedLog) Shared() bool { return l.told != nil }

func (l *storedLog) Watch(ctx context.Context, tell func(failure error)) {
	for {
		select {
		case failure := <-l.told:
			tell(failure)
		case <-ctx.Done():
			return
		}
	}
}

func (l *storedLog) Close(context.Context) error {
	if l.close == nil {
		return nil
	}
	return l.close()
}

// Readiness says why nothing is stored.
func TestReadinessOfALog(t *testing.T) {
	log := newStoredLog()
	p := newPollux(t, Options{Log: log})
	for _, test := range []struct {
		failure error
		want    handlers.Readiness
	}{
		{nil, handlers.Ready},
		{errors.Join(errors.New("the disk"), hub.ErrLogFull), handlers.LogFull},
		{hub.ErrLogUnavailable, handlers.LogUnavailable},
		{errors.New("something else"), handlers.LogUnavailable},
		{nil, handlers.Ready},
	} {
		log.failure = test.failure
		expectReadiness(t, p, fmt.Sprint("with ", test.failure), test.want)
	}
}

// A log is closed within the time that is left, but it has a second at least, and Run does
// not wait for one that is stuck.
func TestLogIsClosedInTime(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		left, takes, want time.Duration
		err, wantErr      error
	}{
		"at once":              {left: time.Hour},
		"with an error":        {left: time.Hour, takes: time.Minute, want: time.Minute, err: broken, wantErr: broken},
		"with nothing left":    {left: -time.Hour, takes: logGrace - 1, want: logGrace - 1},
		"stuck":                {left: -time.Hour, takes: time.Hour, want: logGrace, wantErr: ErrLogStuck},
		"stuck, with time":     {left: 3 * time.Second, takes: time.Hour, want: 3 * time.Second, wantErr: ErrLogStuck},
		"just within the time": {left: 3 * time.Second, takes: 3*time.Second - 1, want: 3*time.Second - 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newStoredLog()
				log.close = func() error {
					time.Sleep(test.takes)
					return test.err
				}
				p := newPollux(t, Options{Log: log})
				begin := time.Now()
				err := p.closeLog(begin.Add(test.left))
				if took := time.Since(begin); took != test.want || !errors.Is(err, test.wantErr) {
					t.Errorf("it took %v and returned %v, want %v and %v", took, err, test.want, test.wantErr)
				}
				time.Sleep(test.takes) // until Close has returned
			})
		})
	}
}

// Run returns the error of a log that cannot be closed.
func TestRunClosesItsLog(t *testing.T) {
	log, broken := newStoredLog(), errors.New("broken")
	log.close = func() error { return broken }
	if err := run(t, newPollux(t, Options{Log: log}))(); !errors.Is(err, broken) {
		t.Errorf("Run returned %v", err)
	}
}

// Keeps says what is kept of streams and of keys, whether these exist or not.
func TestKeeps(t *testing.T) {
	p := newPollux(t, Options{Streams: []Stream{
		{Name: "a", History: 7, HistoryBytes: 1 << 20}, {Name: "keyed", Keys: letters(t), History: 3, HistoryBytes: 1 << 10},
	}})
	for name, want := range map[string][2]int{
		"a": {7, 1 << 20}, "keyed/A": {3, 1 << 10}, "keyed/1": {}, "keyed": {3, 1 << 10}, "other": {}, "other/a": {}, "a/a": {},
	} {
		if events, bytes := p.Keeps(name); events != want[0] || bytes != want[1] {
			t.Errorf("of %q %d events and %d bytes are kept, want %v", name, events, bytes, want)
		}
	}
}

// While nothing is heard from a log that is shared, the streams are stale, for clients that are
// there and for those that come.
func TestSharedLogIsLost(t *testing.T) {
	log := newStoredLog()
	log.told = make(chan error)
	p := newPollux(t, Options{Log: log})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	if _, err := p.Publish(t.Context(), "", 1); err != nil {
		t.Fatal(err)
	}
	s, err := p.Hub().Subscribe(t.Context(), hub.SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	expect := func(from []*hub.Event, want ...string) {
		t.Helper()
		var got []string
		for _, e := range from {
			got = append(got, string(e.Data()))
		}
		if len(got) != len(want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
	log.told <- nil // nothing is told that nobody doubts
	for range 2 {   // the second failure is told by the first status
		log.told <- hub.ErrLogUnavailable
	}
	expect([]*hub.Event{<-s.Events()}, `"state":"stale"`)
	late, err := p.Hub().Subscribe(t.Context(), hub.SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	expect(late.Replay(), `"error":"log"`, "1")
	log.told <- nil
	expect([]*hub.Event{<-s.Events(), <-late.Events()}, `"state":"live"`, `"state":"live"`)
}

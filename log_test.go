package pollux

import (
	"context"
	"errors"
	"fmt"
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
}

func newStoredLog() *storedLog { return &storedLog{Log: hub.NewMemoryLog()} }

func (l *storedLog) Open(context.Context) error { return nil }
func (l *storedLog) Failure() error             { return l.failure }
func (l *storedLog) Stats() hub.LogStats        { return hub.LogStats{Stored: l.failure == nil} }

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

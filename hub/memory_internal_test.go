package hub

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

// The log of a hub that nobody else reads would keep up to 16 MiB of documents that history has
// dropped.
func TestLogOfOneHubKeepsNoEventThatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, err := New(Options{History: 2})
		if err != nil {
			t.Fatal(err)
		}
		log := hub.opts.Log.(*MemoryLog)
		kept := func() string {
			synctest.Wait()
			return fmt.Sprintf("%d events, %d bytes", len(log.kept), log.bytes)
		}
		publish := func() (newest ID) {
			for i := range 2000 {
				if newest, err = log.Append(t.Context(), Message{Data: fmt.Append(nil, i)}); err != nil {
					t.Fatal(err)
				}
			}
			return newest
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- hub.Run(ctx) }()
		newest := publish()
		if got := kept(); got != "0 events, 0 bytes" {
			t.Error("kept while the hub reads: ", got)
		}
		if at := hub.Position(); at != newest {
			t.Errorf("the hub is at %v, want %v", at, newest)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		last := publish()
		if got := len(log.kept); got != 1024 {
			t.Errorf("kept while nobody reads: %d, want 1024", got)
		}
		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		var first *Batch
		go func() {
			ended <- log.Tail(ctx, func(b Batch) error {
				if first == nil {
					first = &b
				}
				return nil
			})
		}()
		if got := kept(); got != "0 events, 0 bytes" {
			t.Error("kept when they were read at last: ", got)
		}
		if first == nil || first.After != (ID{last.epoch, last.seq - 1024}) {
			t.Errorf("the first batch is after %+v", first)
		}
		cancel()
		<-ended
	})
}

// Events that are no longer kept still supersede a message.
func TestSupersededByAnEventThatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newBriefLog()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- log.Tail(ctx, func(Batch) error { return nil }) }()
		appended := func(stream string, seen ID) (ID, error) {
			id, err := log.Append(ctx, Message{Stream: stream, Data: []byte("1"), Seen: seen})
			synctest.Wait() // until it is dropped
			return id, err
		}
		a, err := appended("a", ID{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = appended("b", a); err != nil {
			t.Error(err)
		}
		newest, err := appended("a", a)
		if err != nil {
			t.Errorf("only another stream has something new: %v", err)
		}
		if _, err = appended("a", a); !errors.Is(err, ErrSuperseded) {
			t.Errorf("%v, want %v", err, ErrSuperseded)
		}
		for range 1024 {
			if _, err = appended("b", ID{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err = appended("a", newest); err != nil {
			t.Errorf("1,024 events later: %v", err)
		}
		if _, err = appended("c", newest); !errors.Is(err, ErrSuperseded) {
			t.Errorf("1,025 events later: %v, want %v", err, ErrSuperseded)
		}
		cancel()
		<-ended
	})
}

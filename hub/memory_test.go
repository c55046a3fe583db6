package hub_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

func TestMemoryLogObeysTheLaw(t *testing.T) {
	hubtest.TestLog(t, func(*testing.T) hub.Log { return hub.NewMemoryLog() })
}

func TestMemoryLogsHaveEpochsOfTheirOwn(t *testing.T) {
	seen := make(map[string]bool)
	for range 100 {
		id, err := hub.NewMemoryLog().Append(t.Context(), hub.Message{Data: []byte("1")})
		if err != nil || seen[id.Epoch()] || len(id.Epoch()) != 16 {
			t.Fatalf("ID %v, %v", id, err)
		}
		seen[id.Epoch()] = true
	}
}

// Bytes bound the log as well as the count does, and a tail that takes its
// events makes room.
func TestMemoryLogWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := hub.NewMemoryLog()
		ctx, stop := context.WithCancel(t.Context())
		hold, ended := make(chan struct{}), make(chan error)
		go func() {
			ended <- log.Tail(ctx, func(hub.Batch) error { <-hold; return nil })
		}()
		synctest.Wait()

		big := hub.Message{Data: bytes.Repeat([]byte("x"), 4<<20)}
		for i := range 4 {
			if _, err := log.Append(ctx, big); err != nil {
				t.Fatalf("append %d: %v", i, err)
			}
		}
		waiting := make(chan error)
		go func() {
			_, err := log.Append(ctx, big)
			waiting <- err
		}()
		synctest.Wait()
		select {
		case err := <-waiting:
			t.Fatalf("append over the bound returned %v before there was room", err)
		default:
		}
		close(hold)
		if err := <-waiting; err != nil {
			t.Fatalf("append after there was room: %v", err)
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}

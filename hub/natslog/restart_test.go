package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
)

// patience bounds the waits of the tests. It says nothing about speed.
const patience = time.Minute

var errEnough = errors.New("enough")

// all returns what a log has: the batches up to its head, joined.
func all(t *testing.T, log hub.Log) hub.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var whole hub.Batch
	err := log.Tail(ctx, func(b hub.Batch) error {
		if whole.After.IsZero() {
			whole.After = b.After
		}
		whole.Events = append(whole.Events, b.Events...)
		whole.Lost = append(whole.Lost, b.Lost...)
		at := b.After
		if n := len(b.Events); n > 0 {
			at = b.Events[n-1].ID()
		}
		if at == b.Head {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("tail: %v", err)
	}
	return whole
}

func mustAppend(t *testing.T, log *natslog.Log, m hub.Message) hub.ID {
	t.Helper()
	id, err := log.Append(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestManyEventsAreReadAtTheStart(t *testing.T) {
	const events = 100_000
	dir := t.TempDir()
	log := start(t, dir, nil)
	data := fmt.Appendf(nil, `{"text":"%0500d"}`, 1)
	var last hub.ID
	for range events {
		last = mustAppend(t, log, hub.Message{Data: data})
	}
	stop(t, log)
	began := time.Now()
	log = start(t, dir, nil)
	whole := all(t, log)
	t.Logf("read after %v", time.Since(began))
	if n := len(whole.Events); n != events || whole.Events[n-1].ID() != last || len(whole.Lost) > 0 {
		t.Errorf("%d events up to %v, lost %v; want %d up to %v", n, whole.Events[n-1].ID(), whole.Lost, events, last)
	}
}

package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub"
)

// patience bounds the waits of the tests. It says nothing about speed.
const patience = 3 * time.Minute

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

func TestManyEventsAreReadAtTheStart(t *testing.T) {
	t.Parallel()
	const events = 100_000
	dir := t.TempDir()
	log := start(t, dir, nil)
	data := fmt.Appendf(nil, `{"text":"%0500d"}`, 1)
	var last hub.ID
	for range events {
		last = log.append(t, "a", string(data))
	}
	log.stop(t)
	began := time.Now()
	log = start(t, dir, nil)
	whole := all(t, log)
	t.Logf("read after %v", time.Since(began))
	if n := len(whole.Events); n != events || whole.Events[n-1].ID() != last || len(whole.Lost) > 0 {
		t.Errorf("%d events up to %v, lost %v; want %d up to %v", n, whole.Events[n-1].ID(), whole.Lost, events, last)
	}
}

// The epoch, the IDs, the times and the order are the same after each restart, for streams,
// keys and statuses.
func TestRestart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		log := start(t, dir, nil)
		var want []string
		times := make(map[string]time.Time)
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				m := hub.Message{Stream: rapid.SampledFrom([]string{"a", "b.c", "_x", "k/*", "k/=2A", "k/>.$"}).Draw(rt, "stream")}
				if rapid.Bool().Draw(rt, "status") {
					m.Status = &hub.Status{State: hub.Stale, Since: time.Unix(1, 5), Error: "timeout"}
				} else {
					m.Data = fmt.Append(nil, len(want))
				}
				id, err := log.Append(t.Context(), m)
				if err != nil {
					rt.Fatal(err)
				}
				want = append(want, line(id, m.Stream, m.Status != nil, m.Data))
			},
			"restart": func(*rapid.T) {
				log.stop(t)
				log = start(t, dir, nil)
			},
			"": func(rt *rapid.T) {
				whole := all(t, log)
				var got []string
				for _, e := range whole.Events {
					data := e.Data()
					if e.Kind() == hub.KindStatus {
						data = nil
					}
					got = append(got, line(e.ID(), e.Stream(), data == nil, data))
					if at, ok := times[e.ID().String()]; ok && !at.Equal(e.Time()) {
						rt.Fatalf("event %v is of %v, and was of %v", e.ID(), e.Time(), at)
					}
					times[e.ID().String()] = e.Time()
				}
				// Statuses are removed once there is a newer one, some time later.
				if diff := cmp.Diff(documents(want), documents(got)); diff != "" {
					rt.Fatal(diff)
				}
				if len(whole.Lost) > 0 {
					rt.Fatalf("lost %v", whole.Lost)
				}
			},
		})
	})
}

// line describes an event.
func line(id hub.ID, stream string, status bool, data []byte) string {
	if status {
		return "status of " + stream
	}
	return fmt.Sprintf("%v %s %s", id, stream, data)
}

// documents returns the lines of documents, and which streams have a status.
func documents(lines []string) (list []string) {
	statuses := make(map[string]bool)
	for _, one := range lines {
		if strings.HasPrefix(one, "status") {
			statuses[one] = true
		} else {
			list = append(list, one)
		}
	}
	return append(list, slices.Sorted(maps.Keys(statuses))...)
}

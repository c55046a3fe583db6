package conflate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/conflate"
)

// given is a document that somebody publishes. Documents are numbered.
type given struct {
	stream       string
	begun, ended time.Time // of the call of Publish
	waits        bool
	err          error
}

// before reports whether the call of g ended before that of other began.
func (g *given) before(other *given) bool { return g.ended.Before(other.begun) }

// attempt is a call that the publisher gets.
type attempt struct {
	document     int
	begun, ended time.Time
	err          error
}

// behaviour is what the publisher does with a document.
type behaviour struct {
	takes time.Duration
	err   error
}

// recorder is a Publisher that behaves as it was told, and remembers everything.
type recorder struct {
	behaviours []behaviour // one after the other, in a circle

	mu       sync.Mutex
	attempts map[string][]attempt // by stream
	count    int
	healthy  bool // nothing fails any more
}

func (r *recorder) Publish(_ context.Context, m hub.Message) (hub.ID, error) {
	r.mu.Lock()
	does := r.behaviours[r.count%len(r.behaviours)]
	r.count++
	if r.healthy {
		does.err = nil
	}
	r.mu.Unlock()
	a := attempt{begun: time.Now(), err: does.err}
	time.Sleep(does.takes)
	a.ended = time.Now()
	a.document, _ = strconv.Atoi(string(m.Data))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts[m.Stream] = append(r.attempts[m.Stream], a)
	if a.err != nil {
		return hub.ID{}, a.err
	}
	return hub.NewID("e", uint64(r.count))
}

// TestModel has publishers that come at random, many at once, and a hub that is slow and
// fails. It checks what the package comment promises.
func TestModel(t *testing.T) {
	const gap = 100 * time.Millisecond
	streams := []string{"a", "b", "user/1", "user/2"}
	rapid.Check(t, func(rt *rapid.T) {
		smooth := rapid.Bool().Draw(rt, "smooth")
		r := &recorder{attempts: make(map[string][]attempt), behaviours: []behaviour{{}}}
		if !smooth {
			r.behaviours = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) behaviour {
				takes := max(0, rapid.IntRange(-20, 150).Draw(t, "takes"))
				return behaviour{
					time.Duration(takes) * time.Millisecond,
					rapid.SampledFrom([]error{nil, nil, nil, errBroken, hub.ErrTooLarge}).Draw(t, "error"),
				}
			}), 1, 10).Draw(rt, "behaviours")
		}
		type step struct {
			stream string
			pause  time.Duration
		}
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			pause := max(0, rapid.IntRange(-50, 130).Draw(t, "pause"))
			return step{rapid.SampledFrom(streams).Draw(t, "stream"), time.Duration(pause) * time.Millisecond}
		}), rapid.IntRange(1, 60).Draw(rt, "least steps"), 60).Draw(rt, "steps")
		after := rapid.IntRange(0, 5).Draw(rt, "steps after Flush")
		var documents []*given
		var flushed time.Time
		var replaced map[string]uint64

		synctest.Test(t, func(t *testing.T) {
			c := conflate.New(conflate.Options{
				Publisher: r, Gap: func(string) time.Duration { return gap }, Logger: slog.New(slog.DiscardHandler),
			})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- c.Run(ctx) }()
			var calls sync.WaitGroup
			give := func(s step) {
				g, number := &given{stream: s.stream, begun: time.Now()}, len(documents)
				documents = append(documents, g)
				calls.Go(func() {
					id, err := c.Publish(t.Context(), hub.Message{Stream: s.stream, Data: strconv.AppendInt(nil, int64(number), 10)})
					g.ended, g.waits, g.err = time.Now(), err == nil && id.IsZero(), err
				})
				time.Sleep(s.pause)
			}
			for _, s := range steps {
				give(s)
			}
			r.mu.Lock()
			r.healthy, flushed = true, time.Now()
			r.mu.Unlock()
			if len(steps)%2 == 0 {
				calls.Go(func() {
					if err := c.Flush(t.Context()); err != nil && !errors.Is(err, errBroken) && !errors.Is(err, hub.ErrTooLarge) {
						t.Error(err)
					}
				})
				synctest.Wait()
				for _, s := range steps[:min(after, len(steps))] {
					give(s)
				}
			}
			calls.Wait()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			replaced = c.Replaced()
		})

		taken, stored, lost := 0, 0, 0
		for _, n := range replaced {
			lost += int(n)
		}
		for _, g := range documents {
			if g.err == nil {
				taken++
			}
		}
		for _, stream := range streams {
			var list []attempt
			for _, a := range r.attempts[stream] {
				if a.err == nil {
					list = append(list, a)
					stored++
				}
			}
			if wrong := gapBroken(r.attempts[stream], gap, flushed); wrong != "" {
				rt.Fatalf("%s: %s", stream, wrong)
			}
			if wrong := orderBroken(list, documents); wrong != "" {
				rt.Fatalf("%s: %s", stream, wrong)
			}
			for number, g := range documents {
				if g.stream != stream || g.err != nil {
					continue
				}
				// It, or what came later, is the last, unless that was refused after it was taken.
				dropped := slices.ContainsFunc(r.attempts[stream], func(a attempt) bool {
					return errors.Is(a.err, hub.ErrTooLarge) && documents[a.document].waits && !documents[a.document].before(g)
				})
				if len(list) > 0 && documents[list[len(list)-1].document].before(g) && !dropped || len(list) == 0 && !dropped {
					rt.Fatalf("%s: %d was taken, and never came", stream, number)
				}
				if smooth && g.waits && !slices.ContainsFunc(list, func(a attempt) bool {
					return !documents[a.document].before(g) && !a.begun.After(g.begun.Add(gap))
				}) {
					rt.Fatalf("%s: %d waited longer than a gap", stream, number)
				}
			}
		}
		if taken != stored+lost {
			rt.Fatalf("%d taken, but %d stored and %d replaced", taken, stored, lost)
		}
	})
}

// gapBroken tells of two documents within a gap, before Flush.
func gapBroken(list []attempt, gap time.Duration, flushed time.Time) string {
	var end time.Time
	for _, a := range list {
		if a.begun.Before(end.Add(gap)) && a.begun.Before(flushed) {
			return fmt.Sprintf("%d comes %v after the one before", a.document, a.begun.Sub(end))
		}
		if !errors.Is(a.err, hub.ErrTooLarge) { // else it was not stored
			end = a.ended
		}
	}
	return ""
}

// orderBroken tells of a document that came after one that was given later.
func orderBroken(list []attempt, documents []*given) string {
	for i, late := range list {
		for _, early := range list[:i] {
			if documents[late.document].before(documents[early.document]) {
				return fmt.Sprintf("%d comes after %d", late.document, early.document)
			}
		}
	}
	return ""
}

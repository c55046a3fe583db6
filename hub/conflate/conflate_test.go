package conflate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/conflate"
)

const gap = 250 * time.Millisecond

func stopped(t *testing.T, stop func() error) {
	t.Helper()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// The first document is published at once, and of those that come within the gap the
// newest, when the gap is over.
func TestTheNewestOfAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		c, stop := start(t, p, gapOf(gap), nil)
		give(t, c, "a", "1", true)
		give(t, c, "a", "2", false)
		time.Sleep(gap - time.Nanosecond)
		give(t, c, "a", "3", false)
		p.expect(t, "0s a 1")
		time.Sleep(time.Nanosecond)
		p.expect(t, "250ms a 3")
		give(t, c, "a", "4", false) // the gap begins with each publication
		time.Sleep(gap)
		p.expect(t, "500ms a 4")
		time.Sleep(gap)
		give(t, c, "a", "5", true)
		p.expect(t, "750ms a 5")
		if diff := cmp.Diff(map[string]uint64{"a": 1}, c.Replaced()); diff != "" {
			t.Error(diff)
		}
		stopped(t, stop)
	})
}

// The end of the gap is exact also for a publisher that comes at that very moment,
// before Run.
func TestTheEndOfTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		c := conflate.New(conflate.Options{Publisher: p, Gap: gapOf(gap)}) // without Run
		give(t, c, "a", "1", true)
		time.Sleep(gap)
		give(t, c, "a", "2", true)
		time.Sleep(gap - time.Nanosecond)
		give(t, c, "a", "3", false)
		time.Sleep(time.Nanosecond)
		give(t, c, "a", "4", false) // Run would publish 3 now: order holds
		p.expect(t, "0s a 1", "250ms a 2")
	})
}

// Each stream and each key has a gap of its own. A stream without one passes, as does a
// status.
func TestStreamsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		c, stop := start(t, p, func(stream string) time.Duration {
			return map[string]time.Duration{"a": gap, "user": 2 * gap, hub.DefaultStream: gap}[stream]
		}, nil)
		for range 2 {
			give(t, c, "free", "1", true)
		}
		give(t, c, "a", "1", true)
		for _, key := range []string{"user/1", "user/2"} {
			give(t, c, key, "1", true)
			give(t, c, key, "2", false)
			give(t, c, key, "3", false)
			time.Sleep(time.Millisecond)
		}
		give(t, c, "a", "2", false)
		give(t, c, "", "1", true)
		give(t, c, hub.DefaultStream, "2", false)
		if id, err := c.Publish(t.Context(), hub.Message{Stream: "a", Status: &hub.Status{}}); err != nil || id.IsZero() {
			t.Errorf("a status waits: %v, %v", id, err)
		}
		p.expect(t, "0s free 1", "0s free 1", "0s a 1", "0s user/1 1", "1ms user/2 1", "2ms default 1", "2ms a ")
		time.Sleep(2 * gap)
		p.expect(t, "250ms a 2", "252ms default 2", "500ms user/1 3", "501ms user/2 3")
		if diff := cmp.Diff(map[string]uint64{"user": 2}, c.Replaced()); diff != "" {
			t.Error(diff)
		}
		stopped(t, stop)
	})
}

// A document that arrives while another one is being published waits. The gap begins at
// the end of the publication.
func TestSlowPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		p.takes = func(hub.Message) time.Duration { return time.Second }
		c, stop := start(t, p, gapOf(gap), nil)
		first := make(chan bool)
		go func() {
			give(t, c, "a", "1", true)
			close(first)
		}()
		synctest.Wait()
		give(t, c, "a", "2", false)
		give(t, c, "a", "3", false)
		<-first
		p.expect(t, "1s a 1")
		time.Sleep(gap)
		synctest.Wait() // Run publishes 3
		give(t, c, "a", "4", false)
		time.Sleep(time.Second)
		p.expect(t, "2.25s a 3")
		time.Sleep(gap + time.Second)
		p.expect(t, "3.5s a 4")
		stopped(t, stop)
	})
}

// A document that fails is told to its publisher, or tried again if nobody can be told.
func TestFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		broken := true
		p.fails = func(hub.Message) error {
			if broken {
				return errBroken
			}
			return nil
		}
		var lines strings.Builder
		c, stop := start(t, p, gapOf(gap), slog.New(slog.NewTextHandler(&lines, nil)))
		if _, err := c.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte("1")}); !errors.Is(err, errBroken) {
			t.Errorf("got %v", err)
		}
		give(t, c, "a", "2", false) // 1 may have been stored
		time.Sleep(gap)
		p.expect(t, "0s a 1: the log is broken", "250ms a 2: the log is broken")
		give(t, c, "a", "3", false)
		time.Sleep(gap)
		p.expect(t, "500ms a 3: the log is broken")
		p.set(func() { broken = false })
		time.Sleep(gap)
		p.expect(t, "750ms a 3")
		time.Sleep(gap)
		give(t, c, "a", "4", true)
		p.expect(t, "1s a 4")
		if got := strings.Count(lines.String(), "\n"); got != 1 || !strings.Contains(lines.String(), `stream=a error="the log is broken" again=true not_logged=0`) {
			t.Errorf("the log says:\n%s", &lines)
		}
		time.Sleep(time.Minute)
		p.set(func() { broken = true })
		if _, err := c.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte("5")}); !errors.Is(err, errBroken) {
			t.Errorf("got %v", err)
		}
		give(t, c, "a", "6", false)
		time.Sleep(gap)
		synctest.Wait()
		if !strings.Contains(lines.String(), "not_logged=1") {
			t.Errorf("the log says:\n%s", &lines)
		}
		p.set(func() { broken = false })
		stopped(t, stop)
	})
}

// A Publisher that panics ends the request of its caller, which may survive that. The
// stream goes on, and the document counts as one that may have been stored.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		p.fails = func(m hub.Message) error {
			if string(m.Data) == "0" {
				panic("a fault of the log")
			}
			return nil
		}
		c := conflate.New(conflate.Options{Publisher: p, Gap: gapOf(gap)})
		survive := func(act func() error) {
			t.Helper()
			defer func() {
				if cause := recover(); cause != "a fault of the log" {
					t.Errorf("the panic was %v", cause)
				}
			}()
			t.Errorf("no panic, but %v", act())
		}
		survive(func() error {
			_, err := c.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte("0")})
			return err
		})
		give(t, c, "a", "1", false)
		time.Sleep(gap)
		give(t, c, "a", "0", false) // replaces 1
		survive(func() error { return c.Flush(t.Context()) })
		give(t, c, "a", "2", true) // and replaces 0, which Flush could not publish
		if err := c.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		p.expect(t, "250ms a 2")
		if diff := cmp.Diff(map[string]uint64{"a": 2}, c.Replaced()); diff != "" {
			t.Error(diff)
		}
	})
}

// A document that a slow log does not store in time is tried again, or gives way to a
// newer one. A short gap is stretched, so that a broken log is left alone.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		slow := false
		p.takes = func(hub.Message) time.Duration {
			if slow {
				return time.Hour
			}
			return 0
		}
		c, stop := start(t, p, gapOf(time.Millisecond), nil)
		give(t, c, "a", "1", true)
		give(t, c, "a", "2", false)
		p.set(func() { slow = true })
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		give(t, c, "a", "3", false)
		time.Sleep(10 * time.Second)
		p.set(func() { slow = false })
		time.Sleep(98 * time.Millisecond)
		p.expect(t, "0s a 1", "10.001s a 2: context deadline exceeded")
		time.Sleep(time.Millisecond)
		p.expect(t, "10.101s a 3")
		if diff := cmp.Diff(map[string]uint64{"a": 1}, c.Replaced()); diff != "" {
			t.Error(diff)
		}
		stopped(t, stop)
	})
}

// A document that will never be stored is dropped, and costs no gap.
func TestRefused(t *testing.T) {
	for _, refusal := range []error{
		hub.ErrUnknownStream, hub.ErrUnknownKey, hub.ErrTooLarge, hub.ErrInvalidMessage, hub.ErrInvalidStream, hub.ErrSuperseded,
		hub.ErrClosed, hub.ErrLogClosed,
	} {
		t.Run(refusal.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				p.fails = func(m hub.Message) error {
					if string(m.Data) == "0" {
						return fmt.Errorf("%w: for a reason", refusal)
					}
					return nil
				}
				var lines strings.Builder
				c, stop := start(t, p, gapOf(gap), slog.New(slog.NewTextHandler(&lines, nil)))
				if _, err := c.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte("0")}); !errors.Is(err, refusal) {
					t.Errorf("got %v", err)
				}
				give(t, c, "a", "1", true)
				give(t, c, "a", "0", false)
				time.Sleep(gap)
				synctest.Wait()
				give(t, c, "a", "2", true)
				p.set(func() { p.got = nil })
				time.Sleep(time.Hour)
				p.expect(t)
				if diff := cmp.Diff(map[string]uint64{"a": 1}, c.Replaced()); diff != "" {
					t.Error(diff)
				}
				if !strings.Contains(lines.String(), "again=false") {
					t.Errorf("the log says %q", &lines)
				}
				stopped(t, stop)
			})
		})
	}
}

// A document that no log takes does not wait, since nobody could be told later.
func TestInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		c, stop := start(t, p, gapOf(gap), nil)
		give(t, c, "a", "1", true)
		give(t, c, "a", "2", false)
		for _, data := range []string{"", "\xff"} {
			if _, err := c.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte(data)}); !errors.Is(err, hub.ErrInvalidMessage) {
				t.Errorf("%q: %v", data, err)
			}
		}
		time.Sleep(gap)
		p.expect(t, "0s a 1", "250ms a 2")
		stopped(t, stop)
	})
}

// Flush publishes what waits and what is about to be published, and ends all gaps.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		p.takes = func(m hub.Message) time.Duration {
			if m.Stream == "a" {
				return 10 * time.Millisecond
			}
			return 11 * time.Millisecond
		}
		c, stop := start(t, p, gapOf(gap), nil)
		for _, stream := range []string{"a", "b", "c"} {
			give(t, c, stream, "1", true)
		}
		for _, data := range []string{"2", "3"} {
			give(t, c, "b", data, false)
			give(t, c, "a", data, false)
		}
		time.Sleep(gap - 17*time.Millisecond) // Run publishes a 3: it is 265 ms
		synctest.Wait()
		flushed := make(chan error)
		go func() { flushed <- c.Flush(t.Context()) }()
		synctest.Wait()
		given := make(chan bool)
		go func() {
			give(t, c, "a", "4", true) // waits for a 3 to be published
			give(t, c, "a", "5", true)
			close(given)
		}()
		if err := <-flushed; err != nil {
			t.Error(err)
		}
		<-given
		p.expect(t, "10ms a 1", "21ms b 1", "32ms c 1", "270ms a 3", "280ms a 4", "281ms b 3", "290ms a 5")
		give(t, c, "b", "4", true)
		give(t, c, "new", "1", true)
		give(t, c, "new", "2", true)
		p.expect(t, "301ms b 4", "312ms new 1", "323ms new 2")
		if err := c.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		stopped(t, stop)
		p.expect(t)
	})
}

// A Flush that fails says so, and Run goes on trying.
func TestFlushFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		var failure error
		p.fails = func(m hub.Message) error {
			switch m.Stream + string(m.Data) {
			case "gone2":
				return hub.ErrUnknownStream
			case "polled2":
				return hub.ErrSuperseded
			}
			return failure
		}
		c, stop := start(t, p, gapOf(gap), nil)
		for _, stream := range []string{"a", "b", "gone", "polled"} {
			give(t, c, stream, "1", true)
			give(t, c, stream, "2", false)
		}
		p.set(func() { failure = errBroken })
		if err := c.Flush(t.Context()); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), " 2 streams ") {
			t.Errorf("got %v", err)
		}
		p.set(func() { failure = nil })
		give(t, c, "a", "3", true) // in place of 2
		p.set(func() { p.got = nil })
		time.Sleep(gap)
		p.expect(t, "250ms b 2")
		if diff := cmp.Diff(map[string]uint64{"a": 1, "gone": 1, "polled": 1}, c.Replaced()); diff != "" {
			t.Error(diff)
		}
		stopped(t, stop)
	})
}

// A Flush ends with its context, also when what is being published does not end.
func TestFlushEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		c, stop := start(t, p, gapOf(gap), nil)
		give(t, c, "a", "1", true)
		give(t, c, "a", "2", false)
		p.set(func() { p.takes = func(hub.Message) time.Duration { return time.Second } })
		time.Sleep(gap)
		synctest.Wait() // Run publishes 2
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := c.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Publish(ctx, hub.Message{Stream: "a", Data: []byte("3")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		stopped(t, stop)
	})
}

// Run publishes what waits when it ends, even if it was just publishing it.
func TestRunEndsWithTheNewest(t *testing.T) {
	for _, at := range []time.Duration{gap / 2, gap + 1} {
		synctest.Test(t, func(t *testing.T) {
			p := newPublisher()
			var lines strings.Builder
			c, stop := start(t, p, gapOf(gap), slog.New(slog.NewTextHandler(&lines, nil)))
			give(t, c, "a", "1", true)
			give(t, c, "a", "2", false)
			p.set(func() { p.takes = func(hub.Message) time.Duration { return time.Millisecond } })
			time.Sleep(at)
			p.expect(t, "0s a 1")
			stopped(t, stop)
			if at < gap {
				p.expect(t, "126ms a 2")
			} else {
				p.expect(t, "250.000001ms a 2: context canceled", "251.000001ms a 2")
			}
			if lines.Len() > 0 {
				t.Errorf("the log says %q", &lines)
			}
		})
	}
}

// A hub that hangs does not keep Run from ending.
func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		c, stop := start(t, p, gapOf(gap), nil)
		give(t, c, "a", "1", true)
		give(t, c, "a", "2", false)
		p.set(func() { p.takes = func(hub.Message) time.Duration { return time.Hour } })
		begun := time.Now()
		if err := stop(); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
	})
}

// A gap that a reload changes holds from the next document on, and never breaks order.
func TestTheGapChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		var now atomic.Int64
		c, stop := start(t, p, func(string) time.Duration { return time.Duration(now.Load()) }, nil)
		now.Store(int64(time.Hour))
		give(t, c, "a", "1", true)
		give(t, c, "a", "2", false)
		give(t, c, "b", "1", true)
		give(t, c, "b", "2", false)
		synctest.Wait() // Run sleeps for an hour
		now.Store(int64(gap))
		give(t, c, "b", "3", false) // shorter
		time.Sleep(gap)
		p.expect(t, "0s a 1", "0s b 1", "250ms b 3")
		now.Store(0)
		give(t, c, "a", "3", true) // none: at once, in place of 2
		time.Sleep(2 * time.Hour)
		p.expect(t, "250ms a 3")
		if diff := cmp.Diff(map[string]uint64{}, c.Replaced()); diff != "" {
			t.Error(diff) // nobody has a gap any more
		}
		now.Store(int64(gap))
		if diff := cmp.Diff(map[string]uint64{}, c.Replaced()); diff != "" {
			t.Error(diff)
		}
		stopped(t, stop)
	})
}

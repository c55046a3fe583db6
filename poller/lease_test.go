package poller_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// counting returns a source whose document changes with each fetch.
func counting() *source {
	return newSource(func(_ context.Context, c call) (poller.Reading, error) { return reading(strconv.Itoa(c.n)), nil })
}

// expectAsked checks when the upstream was asked, and that it was never asked twice at once.
func expectAsked(t *testing.T, s *source, want ...time.Duration) {
	t.Helper()
	if diff := cmp.Diff(want, s.asked()); diff != "" || s.overlap.Load() {
		t.Errorf("asked, twice at once: %t (-want +got)\n%s", s.overlap.Load(), diff)
	}
}

// TestOneNodePolls has three nodes for ten intervals. The upstream is asked as by one, and
// all know the same.
func TestOneNodePolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := counting()
		c := newCluster(t, s)
		nodes := []*node{c.start("a"), c.start("b"), c.start("c")}
		time.Sleep(9*every + 1)
		synctest.Wait()
		if n := len(s.asked()); n != 10 || s.overlap.Load() {
			t.Errorf("asked %d times, want 10; twice at once: %t", n, s.overlap.Load())
		}
		holders := 0
		for _, n := range nodes {
			status := n.status()
			if n.newest() != `9` || status.State != hub.Live || !status.Leased || status.Node == "" || status.LastSuccess.IsZero() || status.NextPoll.IsZero() {
				t.Errorf("newest %s, status %+v", n.newest(), status)
			}
			_, err := n.PollNow("default")
			if status.Held {
				holders++
			}
			if want := !status.Held; errors.Is(err, poller.ErrElsewhere) != want || err != nil && !want {
				t.Errorf("PollNow: %v, elsewhere: %t", err, want)
			}
			n.Refresh("default") // which does nothing where another node polls
		}
		if holders != 1 {
			t.Errorf("%d nodes hold the lease", holders)
		}
	})
}

// TestHandOver stops the node that polls in the middle of an interval. The next one goes on
// with the same grid, with the upstream's version of the document, and tells nothing twice.
func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script(gives(`1`, "v1"))
		c := newCluster(t, s)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		time.Sleep(every + every/4)
		a.cancel()
		synctest.Wait()
		if status := b.status(); !status.Held || status.Node != "b" {
			t.Errorf("b: %+v", status)
		}
		time.Sleep(2 * every)
		synctest.Wait()
		expectAsked(t, s, 0, every, 2*every, 3*every)
		version := poller.Version{ETag: "v1", LastModified: "on v1"}
		want := []poller.Version{{}, version, version, version}
		if diff := cmp.Diff(want, s.versions()); diff != "" {
			t.Errorf("versions (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{`1`}, c.told()); diff != "" {
			t.Errorf("told (-want +got)\n%s", diff)
		}
	})
}

// TestHandOverOfAnotherDocument has a version that belongs to an older document than clients
// have, because the node that published the newest one was killed before it said so. The
// version is not sent.
func TestHandOverOfAnotherDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script(gives(`1`, "v1"))
		c := newCluster(t, s)
		a := c.start("a")
		synctest.Wait()
		if _, err := a.hub.Publish(t.Context(), hub.Message{Data: []byte(`2`)}); err != nil {
			t.Fatal(err)
		}
		b := c.start("b")
		a.cancel()
		time.Sleep(every)
		synctest.Wait()
		if diff := cmp.Diff([]poller.Version{{}, {}}, s.versions()); diff != "" {
			t.Errorf("versions (-want +got)\n%s", diff)
		}
		if b.newest() != `1` {
			t.Errorf("newest %s, want what the upstream says", b.newest())
		}
	})
}

// TestWaitIsHandedOver has an upstream that wants not to be asked for a minute. The node that
// heard it stops.
func TestWaitIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(func(context.Context, call) (poller.Reading, error) {
			return poller.Reading{Document: []byte(`1`), Wait: time.Minute}, nil
		})
		c := newCluster(t, s)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		time.Sleep(time.Second)
		a.cancel()
		synctest.Wait()
		if wait := time.Until(b.status().NotBefore); wait != time.Minute-time.Second {
			t.Errorf("b waits for %v", wait)
		}
		if _, err := b.PollNow("default"); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if asked := s.asked(); len(asked) < 2 || asked[1] < time.Minute {
			t.Errorf("asked %v", asked)
		}
	})
}

// TestFailuresAreHandedOver has an upstream that fails. Its backoff and its state go on at
// the next node, and clients are told nothing twice.
func TestFailuresAreHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := during(func(at time.Duration) bool { return at == 0 || at > 10*every })
		c := newCluster(t, s)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		time.Sleep(7*every + every/2)
		before := a.status()
		a.cancel()
		synctest.Wait()
		after := b.status()
		if before.State != hub.Down || after.State != hub.Down || before.Error != after.Error || after.LastSuccess.IsZero() {
			t.Errorf("before %+v, after %+v", before.Status, after.Status)
		}
		time.Sleep(5 * every)
		synctest.Wait()
		if diff := cmp.Diff([]string{`1`, "stale", "down", "live"}, c.told()); diff != "" {
			t.Errorf("told (-want +got)\n%s", diff)
		}
		if n := len(s.asked()); n != 13 || s.overlap.Load() {
			t.Errorf("asked %d times: %v", n, s.asked())
		}
	})
}

// TestStateIsThatOfTheLog compares what a node that does not poll says with the one that
// does.
func TestStateIsThatOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := during(func(at time.Duration) bool { return at == 0 || at > 8*every })
		c := newCluster(t, s)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		for range 12 {
			time.Sleep(every)
			synctest.Wait()
			one, other := a.status(), b.status()
			if one.State != other.State || one.Node != other.Node || !one.LastSuccess.Equal(other.LastSuccess) || one.State != hub.Live && one.Error != other.Error {
				t.Errorf("at %v: %+v and %+v", time.Since(s.start), one.Status, other.Status)
			}
		}
	})
}

// TestKilled kills the node that polls. The next one polls when the lease has run out.
func TestKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := counting()
		c := newCluster(t, s)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		time.Sleep(every + 1)
		a.kill()
		time.Sleep(term + every)
		synctest.Wait()
		expectAsked(t, s, 0, every, every+1+term, 2*every+1+term)
		if b.newest() != `3` {
			t.Errorf("newest %s", b.newest())
		}
	})
}

// TestLostLease has a node that loses its lease during a fetch. The fetch is cut off, and
// nothing of it is published.
func TestLostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := 0
		s := newSource(func(ctx context.Context, c call) (poller.Reading, error) {
			if c.n > 0 {
				return reading(`2`), nil
			}
			<-ctx.Done()
			cut++
			return reading(`1`), nil
		})
		c := newCluster(t, s)
		c.start("a")
		synctest.Wait()
		c.start("b")
		time.Sleep(time.Second)
		c.office.expire("a", true)
		time.Sleep(every)
		synctest.Wait()
		if diff := cmp.Diff([]string{`2`}, c.told()); diff != "" || cut != 1 {
			t.Errorf("%d cut off, told (-want +got)\n%s", cut, diff)
		}
	})
}

// TestStoppedNode has a node that is stopped during a fetch, for so long that another one
// polls, and goes on without having noticed. Its document is refused, and it steps down.
func TestStoppedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
			if c.n == 1 {
				time.Sleep(every / 2)
			}
			return reading(strconv.Itoa(c.n)), nil
		})
		c := newCluster(t, s)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		time.Sleep(every + 1)
		c.office.expire("a", false)
		time.Sleep(every/2 - 2)
		synctest.Wait()
		if _, err := b.PollNow("default"); err != nil {
			t.Error(err)
		}
		time.Sleep(every)
		synctest.Wait()
		if told := c.told(); !slices.IsSortedFunc(told, cmpNumbers) || len(told) < 3 || slices.Contains(told, `1`) {
			t.Errorf("told %v, want them in order, and nothing of the node that was stopped", told)
		}
		if down := a.status().StepDowns; down != 1 || b.status().StepDowns != 0 {
			t.Errorf("%d steps down, want 1, and none of the other node", down)
		}
	})
}

func cmpNumbers(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}

// TestStoppedNodeTellsNoState has a node that was stopped while its stream became stale by
// its own clock. It does not tell that, because another node has polled.
func TestStoppedNodeTellsNoState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var works atomic.Bool
		s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
			if c.n == 0 {
				return reading(`0`), nil
			}
			if !works.Load() {
				return poller.Reading{}, &poller.Error{Class: "http_503"}
			}
			return reading(`1`), nil
		})
		c := newCluster(t, s)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		time.Sleep(3*every - 1)
		synctest.Wait()
		c.office.expire("a", false)
		works.Store(true)
		time.Sleep(8 * every)
		synctest.Wait()
		if told := c.told(); slices.Contains(told, "down") || a.status().State != hub.Live || b.status().State != hub.Live {
			t.Errorf("told %v, a %v, b %v", told, a.status().Status, b.status().Status)
		}
	})
}

// TestWantedLease asks the node that polls for its lease during a fetch. The fetch ends as
// always, and the next node goes on with the grid.
func TestWantedLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
			time.Sleep(time.Second)
			return reading(strconv.Itoa(c.n)), nil
		})
		c := newCluster(t, s)
		c.start("a")
		synctest.Wait()
		b := c.start("b")
		time.Sleep(every + time.Second/2)
		c.office.want(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if status := b.status(); !status.Held {
			t.Errorf("b: %+v", status)
		}
		time.Sleep(every)
		synctest.Wait()
		expectAsked(t, s, 0, every, 2*every)
		if diff := cmp.Diff([]string{`0`, `1`, `2`}, c.told()); diff != "" {
			t.Errorf("told (-want +got)\n%s", diff)
		}
	})
}

// TestLeaseNeedsTheTimeline makes a poller that would not know what others have published.
func TestLeaseNeedsTheTimeline(t *testing.T) {
	_, err := poller.New(poller.Options{Publisher: newPublisher(), Lease: &agent{office: newOffice()}})
	if err == nil {
		t.Error("no error for a Lease without Newest, Told and Position")
	}
}

// TestHandOverOfFeed checks that of several nodes one has the connection, that the next one
// goes on behind the newest event, also where the last one was killed, and that nothing of a
// connection counts whose node has lost the lease.
func TestHandOverOfFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		c := newCluster(t, nil)
		c.stream.Source, c.stream.Feed = nil, struct{ poller.Feed }{f}
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		f.flow(t).event(`1`, 1)
		time.Sleep(every)
		f.flow(t).event(`2`, 2)
		if status := b.status(); b.newest() != `2` || status.Held || status.Connected != nil {
			t.Errorf("newest %s, status %+v", b.newest(), status)
		}
		a.cancel()
		time.Sleep(time.Millisecond)
		f.flow(t).event(`3`, 3)
		handed := f.asked()
		if len(handed) != 2 || handed[1].After != "2" {
			t.Errorf("openings %v", handed)
		}
		if status := b.status(); !status.Held || status.Connected == nil || !*status.Connected {
			t.Errorf("status %+v", status)
		}

		d := c.start("d")
		time.Sleep(2 * time.Second) // so that what b knows is noted
		f.flow(t).comment()
		f.flow(t).event(`4`, 4)
		time.Sleep(2 * time.Second)
		b.kill()
		time.Sleep(term + time.Millisecond)
		f.flow(t).event(`5`, 5)
		if last := f.asked()[2]; last.After != "4" || d.newest() != `5` {
			t.Errorf("opened after %q, newest %s", last.After, d.newest())
		}

		e := c.start("e")
		synctest.Wait()
		c.office.want(nil)
		time.Sleep(2 * poller.MinGap)
		f.flow(t).event(`6`, 6)
		if !e.status().Held || d.status().Held || e.newest() != `6` {
			t.Errorf("e: %+v, newest %s", e.status(), e.newest())
		}
		if f.twice {
			t.Error("there were two connections at a time")
		}
		want := []string{`1`, `2`, `3`, `4`, `5`, `6`}
		if diff := cmp.Diff(want, c.told()); diff != "" {
			t.Errorf("the log (-want +got):\n%s", diff)
		}
	})
}

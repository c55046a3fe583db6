package poller_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// incident is what happens to one of several nodes, and what time passes then.
type incident struct {
	what  string
	node  int
	after time.Duration
}

// TestLeaseModel does to some nodes whatever can happen to them. No document is ever followed
// by an older one, the upstream is never asked twice at once unless a node was stopped without
// noticing, and at the end one node polls and all have its newest document.
func TestLeaseModel(t *testing.T) {
	milliseconds := func(most int) *rapid.Generator[time.Duration] {
		return rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(t, "ms")) * time.Millisecond
		})
	}
	incidents := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) incident {
		return incident{
			rapid.SampledFrom([]string{"start", "stop", "kill", "stopped", "lost", "wanted", "poll now"}).Draw(t, "what"),
			rapid.IntRange(0, 5).Draw(t, "node"), milliseconds(30_000).Draw(t, "after"),
		}
	}), 1, 15)
	takes := rapid.SliceOfN(milliseconds(7_000), 1, 10)
	fails := rapid.SliceOfN(rapid.Bool(), 1, 10)
	rapid.Check(t, func(rt *rapid.T) {
		list, takes, fails := incidents.Draw(rt, "incidents"), takes.Draw(rt, "takes"), fails.Draw(rt, "fails")
		var fault string
		synctest.Test(t, func(t *testing.T) { fault = runLeases(t, list, takes, fails) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

// runLeases returns what went wrong.
func runLeases(t *testing.T, list []incident, takes []time.Duration, fails []bool) string {
	var calm atomic.Bool
	unnoticed := false
	s := newSource(func(ctx context.Context, c call) (poller.Reading, error) {
		if calm.Load() {
			return reading(strconv.Itoa(c.n)), nil
		}
		select {
		case <-time.After(takes[c.n%len(takes)]):
		case <-ctx.Done():
			return poller.Reading{}, ctx.Err()
		}
		if fails[c.n%len(fails)] {
			return poller.Reading{}, &poller.Error{Class: "http_503"}
		}
		return reading(strconv.Itoa(c.n)), nil
	})
	c := newCluster(t, s)
	nodes := []*node{c.start("0"), c.start("1")}
	ended := map[*node]bool{}
	for _, one := range list {
		n := nodes[one.node%len(nodes)]
		switch one.what {
		case "start":
			if len(nodes) < 6 {
				nodes = append(nodes, c.start(strconv.Itoa(len(nodes))))
			}
		case "stop":
			n.cancel()
			ended[n] = true
		case "kill":
			n.kill()
			ended[n] = true
		case "stopped":
			synctest.Wait() // a node that was given the lease just now knows that
			if n.status().Held {
				unnoticed = true
			}
			c.office.expire(n.agent.name, false)
		case "lost":
			c.office.expire(n.agent.name, true)
		case "wanted":
			c.office.want(nil)
		case "poll now":
			_, _ = n.PollNow("default") // which fails if another node polls, or this one has ended
		}
		time.Sleep(one.after)
	}
	synctest.Wait()
	calm.Store(true)
	last := c.start("last")
	time.Sleep(term + 10*every + time.Minute)
	synctest.Wait()
	told := slices.DeleteFunc(c.told(), func(text string) bool {
		_, err := strconv.Atoi(text)
		return err != nil
	})
	if len(told) == 0 {
		return fmt.Sprintf("nothing was told of what was asked at %v", s.asked())
	}
	if !slices.IsSortedFunc(told, cmpNumbers) || len(slices.Compact(slices.Clone(told))) < len(told) {
		return fmt.Sprintf("told %v", told)
	}
	if s.overlap.Load() && !unnoticed {
		return "the upstream was asked twice at once"
	}
	holders := 0
	for _, n := range append(nodes, last) {
		if ended[n] {
			continue
		}
		if status := n.status(); n.newest() != told[len(told)-1] || status.State != hub.Live {
			return fmt.Sprintf("node %s has %s, %s of %v", n.agent.name, n.newest(), status.State, told)
		} else if status.Held {
			holders++
		}
	}
	if holders != 1 {
		return fmt.Sprintf("%d nodes poll", holders)
	}
	return ""
}

package lease_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// incident is what happens to one of the nodes, and what time passes then.
type incident struct {
	what  string
	node  int // index of a node
	late  time.Duration
	steps int
	step  time.Duration
}

// TestModel does to some nodes whatever can happen to them. There are never two that hold one
// lease. At the end, when nothing happens any more, one of those that are there holds each.
func TestModel(t *testing.T) {
	milliseconds := func(most int) *rapid.Generator[time.Duration] {
		return rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(1, most).Draw(t, "ms")) * time.Millisecond
		})
	}
	incidents := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) incident {
		return incident{
			rapid.SampledFrom([]string{"start", "stop", "kill", "cut", "heal", "slow", "deaf"}).Draw(t, "what"),
			rapid.IntRange(0, 5).Draw(t, "node"), milliseconds(4000).Draw(t, "late"),
			rapid.IntRange(1, 40).Draw(t, "steps"), milliseconds(1000).Draw(t, "step"),
		}
	}), 1, 12)
	rapid.Check(t, func(rt *rapid.T) {
		list := incidents.Draw(rt, "incidents")
		random := rapid.SliceOfN(rapid.Float64Range(0, 0.999), 10, 10).Draw(rt, "random")
		var fault string
		synctest.Test(t, func(t *testing.T) { fault = run(t, list, random) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

// run returns what went wrong.
func run(t *testing.T, list []incident, random []float64) string {
	s, wanted := newStore(), streams(3)
	var nodes []*node
	begin := func() {
		n := start(t, s, fmt.Sprintf("node %d", len(nodes)), random[len(nodes)%len(random)])
		n.want(wanted...)
		nodes = append(nodes, n)
	}
	begin()
	begin()
	began := time.Now()
	for _, one := range list {
		n := nodes[one.node%len(nodes)]
		switch one.what {
		case "start":
			begin()
		case "stop":
			n.stop()
		case "kill":
			n.kill()
		case "cut":
			n.access.separate(true)
		case "heal":
			n.access.separate(false)
		case "slow":
			n.access.set(one.late, false)
		case "deaf":
			n.access.set(0, true)
		}
		for range one.steps {
			time.Sleep(one.step)
			synctest.Wait()
			for _, stream := range wanted {
				if held := holders(stream, nodes...); len(held) > 1 {
					return fmt.Sprintf("%s and %s hold %s after %v", held[0].name, held[1].name, stream, time.Since(began))
				}
			}
		}
	}
	begin()
	for _, n := range nodes {
		n.access.separate(false)
		n.access.set(0, false)
	}
	time.Sleep(5 * ttl)
	synctest.Wait()
	for _, stream := range wanted {
		if held := holders(stream, nodes...); len(held) != 1 {
			var all string
			for _, n := range nodes {
				node, _, age := n.Observe(stream)
				all += fmt.Sprintf("; %s sees %q for %v, %+v", n.name, node, age, n.Stats())
			}
			return fmt.Sprintf("%d nodes hold %s at the end%s", len(held), stream, all)
		}
	}
	return ""
}

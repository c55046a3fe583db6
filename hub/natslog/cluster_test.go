package natslog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// group is a cluster inside the test.
type group struct {
	routes []string
	dirs   []string
	guard  embedded.Guard
	nodes  []*rig // nil for one that does not run
}

const testSecret embedded.Secret = "0123456789abcdef0123456789abcdef"

// newGroup starts three nodes.
func newGroup(t *testing.T) *group {
	t.Helper()
	g := &group{guard: testSecret, nodes: make([]*rig, embedded.SmallCluster)}
	for range g.nodes {
		g.routes = append(g.routes, listentest.FreeAddress(t))
		g.dirs = append(g.dirs, t.TempDir())
	}
	g.startAll(t)
	return g
}

func name(i int) string { return string(rune('a' + i)) }

func (g *group) newNode(t *testing.T, i int) {
	t.Helper()
	g.nodes[i] = newRig(t, g.dirs[i], func(log *natslog.Options, server *embedded.Options) {
		log.Replicas, log.Logger = len(g.routes), log.Logger.With("node", name(i))
		server.Sync, server.Logger = embedded.SyncAlways, log.Logger
		server.Cluster = &embedded.Cluster{Node: name(i), Listen: g.routes[i], Routes: g.routes, Guard: g.guard}
	})
}

// startAll starts the nodes that do not run, and waits until all store events.
func (g *group) startAll(t *testing.T) {
	t.Helper()
	var opening sync.WaitGroup
	for i, node := range g.nodes {
		if node == nil {
			g.newNode(t, i)
			opening.Go(func() {
				if err := g.nodes[i].Open(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	opening.Wait()
	eventually(t, "the cluster stores events", g.isWhole)
}

// isWhole reports whether all nodes store events.
func (g *group) isWhole() bool {
	return !slices.ContainsFunc(g.nodes, func(r *rig) bool { return r == nil || r.Failure() != nil })
}

// stop ends nodes, all at once.
func (g *group) stop(t *testing.T, which ...int) {
	t.Helper()
	var stopping sync.WaitGroup
	for _, i := range which {
		node := g.nodes[i]
		g.nodes[i] = nil
		stopping.Go(func() { node.stop(t) })
	}
	stopping.Wait()
}

// append tries to append at a node until it succeeds.
func (g *group) append(t *testing.T, i int, data string) hub.ID {
	t.Helper()
	var id hub.ID
	eventually(t, "an event is stored", func() bool {
		var err error
		id, err = g.nodes[i].Append(t.Context(), hub.Message{Stream: "s", Data: []byte(data)})
		return err == nil
	})
	return id
}

// lines returns what a node has.
func (g *group) lines(t *testing.T, i int) (list []string) {
	t.Helper()
	whole := all(t, g.nodes[i].Log)
	for _, e := range whole.Events {
		list = append(list, line(e.ID(), e.Stream(), e.Kind() == hub.KindStatus, e.Data()))
	}
	if len(whole.Lost) > 0 {
		t.Errorf("node %s lost %v", name(i), whole.Lost)
	}
	return list
}

// same checks that each node that runs has these events.
func (g *group) same(t *testing.T, want []string) {
	t.Helper()
	for i, node := range g.nodes {
		if node == nil {
			continue
		}
		if diff := cmp.Diff(want, g.lines(t, i)); diff != "" {
			t.Errorf("node %s: %s", name(i), diff)
		}
	}
}

// What one node of three stores all have, with the same IDs: while one is gone, after it has
// come back, and after all were gone.
func TestCluster(t *testing.T) {
	t.Parallel()
	g := newGroup(t)
	var want []string
	put := func(i int) {
		data := fmt.Sprint(len(want))
		want = append(want, line(g.append(t, i, data), "s", false, []byte(data)))
	}
	for i := range 30 {
		put(i % 3)
	}
	g.same(t, want)

	g.stop(t, 0)
	for i := range 10 {
		put(1 + i%2)
	}
	g.same(t, want)
	g.startAll(t)
	g.same(t, want)
	put(0)

	g.stop(t, 0, 1, 2)
	g.startAll(t)
	put(2)
	g.same(t, want)
	epochs := make(map[string]bool)
	for _, one := range want {
		epochs[strings.Split(one, "-")[0]] = true
	}
	if len(epochs) != 1 {
		t.Errorf("%d epochs, want 1", len(epochs))
	}
}

// The members, their leaders and their state are what each node tells, with and without a
// majority.
func TestViewOfCluster(t *testing.T) {
	t.Parallel()
	g := newGroup(t)
	view := func(i int) *embedded.View {
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		v, err := g.nodes[i].server.View(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	online := func(v *embedded.View) (list []string) {
		for _, m := range v.Members {
			if m.Online {
				list = append(list, m.Name)
			}
		}
		return list
	}
	id := g.append(t, 1, "1")
	for i := range g.nodes {
		eventually(t, "all are current", func() bool {
			v := view(i)
			return v.Last >= id.Seq() && !slices.ContainsFunc(v.Members, func(m embedded.Member) bool { return !m.Current || m.Lag > 0 })
		})
		v := view(i)
		if v.Node != name(i) || v.Size != 3 || v.Leader == "" || v.Writer == "" || !slices.Equal(online(v), []string{"a", "b", "c"}) {
			t.Errorf("node %s sees %+v", name(i), v)
		}
	}
	g.stop(t, 2)
	eventually(t, "c is gone", func() bool { v := view(0); return v.Writer != "" && slices.Equal(online(v), []string{"a", "b"}) })
	g.stop(t, 1)
	eventually(t, "there is no majority", func() bool { v := view(0); return v.Leader == "" && slices.Equal(online(v), []string{"a"}) })
}

package poller_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// keyCounter is an upstream that knows when each key was asked for.
type keyCounter struct {
	start time.Time
	takes time.Duration
	wait  time.Duration // that it asks for with each answer

	mu      sync.Mutex
	at      map[string][]time.Duration
	now     map[string]int // requests that are here
	all     int
	most    int  // requests that were here at once
	overlap bool // two were, for one key
	held    map[string]chan struct{}
}

func newKeyCounter() *keyCounter {
	return &keyCounter{start: time.Now(), at: map[string][]time.Duration{}, now: map[string]int{}, held: map[string]chan struct{}{}}
}

func (k *keyCounter) FetchKeys(ctx context.Context, keys []string, _ poller.Version) (poller.Reading, error) {
	key := keys[0]
	k.mu.Lock()
	k.at[key] = append(k.at[key], time.Since(k.start))
	n := len(k.at[key])
	k.now[key]++
	k.all++
	k.most, k.overlap = max(k.most, k.all), k.overlap || k.now[key] > 1
	held, wait := k.held[key], k.wait
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.now[key]--
		k.all--
	}()
	if held != nil {
		<-held // whatever happens to the context: the process is stopped
	}
	select {
	case <-time.After(k.takes):
	case <-ctx.Done():
		return poller.Reading{}, ctx.Err()
	}
	return poller.Reading{Document: []byte(strconv.Itoa(n)), Wait: wait}, nil
}

func (k *keyCounter) asked(key string) []time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.at[key])
}

// keyedCluster is several nodes with a stream with keys.
func keyedCluster(t *testing.T, upstream *keyCounter, parallel int) *cluster {
	t.Helper()
	match, err := hub.NewKeyPattern("[0-9]+")
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, counting())
	c.stream = poller.Stream{Name: "default", Every: every, Keys: &poller.Keys{Source: struct{ poller.KeySource }{upstream}, Parallel: parallel}}
	c.keys = &hub.KeyOptions{Match: match}
	return c
}

// listen has a client of a node listen to the keys 0 to n-1.
func (n *node) listen(t *testing.T, many int) (listening []*hub.Subscription) {
	t.Helper()
	for i := range many {
		s, err := n.hub.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{keyName(i)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		listening = append(listening, s)
	}
	return listening
}

func even(i int) bool { return i%2 == 0 }

func keyName(i int) string { return fmt.Sprint("default/", i) }

// TestKeysOfSeveralNodes has clients of two nodes that listen to the same keys. One node asks
// for them, and when it stops, the other one goes on: each key is asked for within an interval
// and not all at once, and no client gets a document twice.
func TestKeysOfSeveralNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 8
		upstream := newKeyCounter()
		c := keyedCluster(t, upstream, 0)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		synctest.Wait()
		a.listen(t, many)
		listening := b.listen(t, many)
		time.Sleep(4*every + every/2)
		synctest.Wait()
		if status, known := b.StatusOf("default/0"); !known || status.Held || status.Node != "a" || status.State != hub.Live {
			t.Errorf("b knows %+v, %t", status, known)
		}
		before := make([]int, many)
		for i := range many {
			before[i] = len(upstream.asked(fmt.Sprint(i)))
			if before[i] < 4 || before[i] > 6 {
				t.Errorf("key %d was asked for %d times in four intervals", i, before[i])
			}
		}
		moved := time.Since(upstream.start)
		a.cancel()
		time.Sleep(every + every/2)
		synctest.Wait()
		first := map[time.Duration]bool{}
		for i := range many {
			asked := upstream.asked(fmt.Sprint(i))
			if len(asked) <= before[i] {
				t.Errorf("key %d was not asked for any more", i)
				continue
			}
			at := asked[before[i]] - moved
			if at > every {
				t.Errorf("key %d was asked for after %v", i, at)
			}
			first[at] = true
		}
		if len(first) < many/2 {
			t.Errorf("the keys were asked for at %d different times", len(first))
		}
		for _, s := range listening {
			last := ""
			for len(s.Events()) > 0 {
				if text := string((<-s.Events()).Data()); text == last {
					t.Errorf("%s came twice", text)
				} else {
					last = text
				}
			}
		}
	})
}

// TestNodesShareKeys has half of the groups of keys move to another node, and then three nodes.
// Each key is asked for once in each interval by the node that says so, never by two, and all
// together have no more requests in flight than one may.
func TestNodesShareKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, parallel = 60, 5
		upstream := newKeyCounter()
		upstream.takes = every / 20
		c := keyedCluster(t, upstream, parallel)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		synctest.Wait()
		nodes := []*node{a, b}
		for _, n := range nodes {
			n.listen(t, many)
		}
		// shared checks who polls for some intervals.
		shared := func(want ...string) {
			t.Helper()
			time.Sleep(2 * every)
			counts := map[string]int{}
			before := make([]int, many)
			for i := range many {
				before[i] = len(upstream.asked(strconv.Itoa(i)))
				holders := 0
				for _, n := range nodes {
					status, known := n.StatusOf(keyName(i))
					if n.Holds(keyName(i)) {
						holders++
						counts[n.agent.name]++
					}
					if _, err := n.PollNow(keyName(i)); !known || n.Holds(keyName(i)) == errors.Is(err, poller.ErrElsewhere) {
						t.Errorf("node %s polls %s: %t; PollNow: %v, known: %t", n.agent.name, keyName(i), n.Holds(keyName(i)), err, known)
					}
					if status.State != hub.Live {
						t.Errorf("%s is %s at %s", keyName(i), status.State, n.agent.name)
					}
				}
				if holders != 1 {
					t.Errorf("%d nodes poll %s", holders, keyName(i))
				}
			}
			if got := slices.Sorted(maps.Keys(counts)); !slices.Equal(got, want) {
				t.Errorf("%v poll, want %q", counts, want)
			}
			for _, n := range nodes {
				if status := n.status(); status.Node != fmt.Sprint(want[0]) && len(want) == 1 || status.Held != (counts[n.agent.name] > 0) || status.State != hub.Live {
					t.Errorf("node %s: %+v", n.agent.name, status)
				}
			}
			time.Sleep(4 * every)
			for i := range many {
				if n := len(upstream.asked(strconv.Itoa(i))) - before[i]; n < 4 || n > 6 { // one by PollNow
					t.Errorf("key %d was asked for %d times in four intervals", i, n)
				}
			}
		}
		shared("a")
		c.office.want(even)
		shared("a", "b")
		if status := a.status(); status.Node != "a, b" {
			t.Errorf("polled by %q", status.Node)
		}
		third := c.start("c")
		third.listen(t, many)
		nodes = append(nodes, third)
		synctest.Wait()
		for range 2 { // because a has waited longer
			c.office.want(func(i int) bool { return i == 0 })
			synctest.Wait()
		}
		shared("a", "b", "c")
		a.cancel()
		nodes = nodes[1:]
		shared("b", "c")
		upstream.mu.Lock()
		defer upstream.mu.Unlock()
		if upstream.overlap || upstream.most > parallel {
			t.Errorf("%d requests at once, two for one key: %t", upstream.most, upstream.overlap)
		}
	})
}

// TestPaceOfSeveralNodes has an upstream that asks for a pace, which two nodes keep together.
func TestPaceOfSeveralNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 40
		upstream := newKeyCounter()
		upstream.wait = every / 10
		c := keyedCluster(t, upstream, 16)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		synctest.Wait()
		a.listen(t, many)
		b.listen(t, many)
		c.office.want(even)
		time.Sleep(10 * every)
		requests := func() (n int) {
			for i := range many {
				n += len(upstream.asked(strconv.Itoa(i)))
			}
			return n
		}
		before := requests()
		const intervals = 20
		time.Sleep(intervals * every)
		if n := requests() - before; n > intervals*10+2 || n < intervals*5 {
			t.Errorf("%d requests in %d intervals, at a pace of ten for each", n, intervals)
		}
	})
}

// TestNextNodeWaits has an upstream that wants not to be asked for long, as the node knows that
// takes over.
func TestNextNodeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const wait = time.Minute
		upstream := newKeyCounter()
		c := keyedCluster(t, upstream, 1)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		synctest.Wait()
		a.listen(t, 1)
		b.listen(t, 1)
		time.Sleep(every + every/2)
		upstream.mu.Lock()
		upstream.wait = wait
		upstream.mu.Unlock()
		synctest.Wait()
		time.Sleep(every)
		synctest.Wait()
		asked := upstream.asked("0")
		a.cancel()
		synctest.Wait()
		if status := b.status(); !status.Held || status.NotBefore.IsZero() || status.LastSuccess.IsZero() {
			t.Errorf("b knows %+v", status)
		}
		time.Sleep(2 * wait)
		if next := upstream.asked("0")[len(asked)]; next < asked[len(asked)-1]+wait {
			t.Errorf("asked at %v and %v", asked[len(asked)-1], next)
		}
	})
}

// TestStoppedNodeLosesAGroup has a node that is stopped amid a request, and publishes what it
// has fetched when another node has gone on. That is refused, and it steps down.
func TestStoppedNodeLosesAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upstream := newKeyCounter()
		c := keyedCluster(t, upstream, 16)
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		synctest.Wait()
		a.listen(t, 3)
		b.listen(t, 3)
		time.Sleep(2*every + every/2)
		release := make(chan struct{})
		upstream.mu.Lock()
		upstream.held["0"] = release
		upstream.mu.Unlock()
		if _, err := a.PollNow("default/0"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		upstream.mu.Lock()
		delete(upstream.held, "0")
		upstream.mu.Unlock()
		c.office.expire("a", false)
		synctest.Wait()
		if _, err := b.PollNow("default/0"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		event, err := b.hub.Latest("default/0")
		if err != nil || event == nil {
			t.Fatal("b has no document", err)
		}
		close(release)
		synctest.Wait()
		if late, err := b.hub.Latest("default/0"); err != nil || late.ID().Seq() < event.ID().Seq() {
			t.Errorf("%v, %v", late, err)
		}
		if status := a.status(); status.StepDowns == 0 {
			t.Errorf("a has not stepped down: %+v", status)
		}
		last := 0
		for _, text := range c.told() {
			if n, err := strconv.Atoi(text); err == nil && n < last-2 { // three keys
				t.Errorf("%d after %d", n, last)
			} else if err == nil {
				last = n
			}
		}
		time.Sleep(term + every)
		synctest.Wait()
		if a.Holds("default") || !b.Holds("default/0") {
			t.Error("b does not poll everything")
		}
	})
}

// TestElsewhere says which keys exist where another node polls them, and how many listen.
func TestElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 40
		c := keyedCluster(t, newKeyCounter(), 16)
		var mu sync.Mutex
		heard := map[string]map[string]int{"a": {}, "b": {}}
		c.elsewhere = func(node string, changes []hub.KeyChange) {
			mu.Lock()
			defer mu.Unlock()
			for _, change := range changes {
				if change.Exists {
					heard[node][change.Name] = change.Listeners
				} else {
					delete(heard[node], change.Name)
				}
			}
		}
		a := c.start("a")
		synctest.Wait()
		b := c.start("b")
		synctest.Wait()
		expect := func(n *node, listeners int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			want := map[string]int{}
			for i := range many {
				if !n.Holds(keyName(i)) {
					want[keyName(i)] = listeners
				}
			}
			if diff := cmp.Diff(want, heard[n.agent.name]); diff != "" {
				t.Errorf("node %s (-want +got)\n%s", n.agent.name, diff)
			}
		}
		a.listen(t, many)
		listening := b.listen(t, many)
		expect(a, 1)
		expect(b, 1)
		c.office.want(even)
		synctest.Wait()
		time.Sleep(every)
		if !a.Holds("default") || !b.Holds("default") {
			t.Error("the nodes do not share the keys")
		}
		expect(a, 1)
		expect(b, 1)
		for _, s := range listening {
			s.Close()
		}
		expect(b, 0)
		a.cancel()
		expect(b, 0)
	})
}

// TestSplitLease reads the names of leases.
func TestSplitLease(t *testing.T) {
	for lease, want := range map[string][3]any{
		"prices":      {"prices", 0, 0},
		"prices/3/16": {"prices", 3, 16},
		"prices/x/16": {"prices/x/16", 0, 0},
		"prices/3":    {"prices/3", 0, 0},
	} {
		stream, group, groups := poller.SplitLease(lease)
		if got := [3]any{stream, group, groups}; got != want {
			t.Errorf("%s: %v", lease, got)
		}
	}
}

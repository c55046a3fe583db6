package peers

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub"
)

func newLedger() *ledger { return &ledger{nodes: map[string]*account{}} }

func newOwn(session string) *own { return &own{session: session, wants: map[string]bool{}} }

// TestDemandOfTwo has two nodes that want the same key. It is wanted until neither does.
func TestDemandOfTwo(t *testing.T) {
	l, a, b, now := newLedger(), newOwn("a"), newOwn("b"), time.Now()
	for _, o := range []*own{a, b} {
		if _, ask := l.hear(o.all()[0], now); ask {
			t.Error("asked for everything after everything")
		}
	}
	for _, step := range []struct {
		of     *own
		change hub.Wants
		want   hub.Wants
	}{
		{a, hub.Wants{Want: []string{"x"}}, hub.Wants{Want: []string{"x"}}},
		{b, hub.Wants{Want: []string{"x"}, Touch: []string{"y"}}, hub.Wants{Touch: []string{"y"}}},
		{a, hub.Wants{Unwant: []string{"x"}}, hub.Wants{}},
		{a, hub.Wants{Unwant: []string{"x"}}, hub.Wants{}},
		{b, hub.Wants{Unwant: []string{"x"}}, hub.Wants{Unwant: []string{"x"}}},
		{b, hub.Wants{Want: []string{"no such/na/me", "", "x y"}}, hub.Wants{}},
	} {
		var got hub.Wants
		for _, m := range step.of.tell(step.change) {
			change, ask := l.hear(m, now)
			if ask {
				t.Error("asked for everything without a gap")
			}
			got.Want, got.Unwant, got.Touch = append(got.Want, change.Want...), append(got.Unwant, change.Unwant...), append(got.Touch, change.Touch...)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s %+v (-want +got)\n%s", step.of.session, step.change, diff)
		}
	}
}

// TestSilentNode forgets what a node wanted of which nothing was heard for a while, and not
// before.
func TestSilentNode(t *testing.T) {
	l, a, now := newLedger(), newOwn("a"), time.Now()
	l.hear(a.all()[0], now)
	l.hear(a.tell(hub.Wants{Want: []string{"x"}})[0], now)
	if change := l.forget(now.Add(forgetAfter - 1)); !change.IsEmpty() {
		t.Errorf("forgotten too early: %+v", change)
	}
	l.hear(a.beat(), now.Add(forgetAfter-1))
	if change := l.forget(now.Add(forgetAfter)); !change.IsEmpty() {
		t.Errorf("forgotten although it was heard: %+v", change)
	}
	if diff := cmp.Diff([]string{"x"}, l.forget(now.Add(2*forgetAfter)).Unwant); diff != "" || len(l.nodes) > 0 {
		t.Errorf("forgotten (-want +got)\n%s", diff)
	}
}

// TestTooMany has a node that wants more than it may.
func TestTooMany(t *testing.T) {
	l, a, now := newLedger(), newOwn("a"), time.Now()
	l.hear(a.all()[0], now)
	var names []string
	for i := range MaxNames + 7 {
		names = append(names, fmt.Sprintf("s/%d", i))
	}
	for _, m := range a.tell(hub.Wants{Want: names}) {
		if len(m.Want) > namesAtOnce {
			t.Fatalf("%d names in one message", len(m.Want))
		}
		l.hear(m, now)
	}
	if len(l.nodes["a"].wants) != MaxNames || l.dropped != 7 {
		t.Errorf("%d wanted, %d dropped", len(l.nodes["a"].wants), l.dropped)
	}
}

// TestOtherVersion reads a message with members that are not known.
func TestOtherVersion(t *testing.T) {
	m, ok := decode[told]([]byte(`{"session":"a","number":3,"want":["x"],"color":"red","all":true,"last":true}`))
	if !ok || m.Number != 3 || !slices.Equal(m.Want, []string{"x"}) {
		t.Errorf("read %+v, %t", m, ok)
	}
}

// TestDemandModel loses and repeats messages between nodes. When all are heard again, each
// knows what the others want.
func TestDemandModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := newLedger(), time.Now()
		nodes := []*own{newOwn("a"), newOwn("b")}
		wants := map[string]bool{} // as told by what hear and forget return
		note := func(c hub.Wants) {
			for _, name := range c.Want {
				if wants[name] {
					t.Fatalf("%s is wanted twice", name)
				}
				wants[name] = true
			}
			for _, name := range c.Unwant {
				if !wants[name] {
					t.Fatalf("%s is not wanted twice", name)
				}
				delete(wants, name)
			}
		}
		hear := func(of *own, m told) {
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			m, _ = decode[told](text)
			change, ask := l.hear(m, now)
			note(change)
			if ask && rapid.Bool().Draw(t, "answered") {
				for _, m := range of.all() {
					change, _ := l.hear(m, now)
					note(change)
				}
			}
		}
		name := rapid.SampledFrom([]string{"a", "b", "c", "d/1", "d/2"})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			of := rapid.SampledFrom(nodes).Draw(t, "node")
			now = now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				note(l.forget(now))
			case 1:
				hear(of, of.beat())
			default:
				var c hub.Wants
				for _, one := range rapid.SliceOfNDistinct(name, 1, 3, rapid.ID[string]).Draw(t, "names") {
					if of.wants[one] {
						c.Unwant = append(c.Unwant, one)
					} else {
						c.Want = append(c.Want, one)
					}
				}
				for _, m := range of.tell(c) {
					if rapid.Bool().Draw(t, "arrives") {
						hear(of, m)
					}
				}
			}
		}
		expected := map[string]bool{}
		for _, of := range nodes {
			for range 3 {
				now = now.Add(askAgain)
				if change, ask := l.hear(of.beat(), now); ask {
					for _, m := range of.all() {
						change, _ := l.hear(m, now)
						note(change)
					}
				} else {
					note(change)
				}
			}
			maps.Copy(expected, of.wants)
		}
		if diff := cmp.Diff(expected, wants); diff != "" {
			t.Fatalf("wanted (-want +got)\n%s", diff)
		}
	})
}

package peers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestCompareTexts has the settings of one stream on two nodes, and the keys that differ.
func TestCompareTexts(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "", ""},
		{"every=1 url=2", "url=2 every=1", ""},
		{"every=1 url=2", "every=3 url=4", "every url"},
		{"every=1", "every=1 url=2", "url"},
		{"every=1 url=2", "every=1", "url"},
		{"bearer_token=*", "bearer_token=1", ""},
		{"bearer_token=1", "bearer_token=*", ""},
		{"bearer_token=*", "bearer_token=*", ""},
		{"bearer_token=*", "", "bearer_token"},
		{"nonsense =", "nonsense", ""},
	} {
		if got := strings.Join(compareTexts(c.a, c.b), " "); strings.TrimSpace(got) != c.want {
			t.Errorf("%q and %q: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

// pair is two nodes that hear each other with each step. What a tells passes through JSON.
type pair struct {
	t    *testing.T
	a, b comparison
	now  time.Time

	session string // of a
	lose    bool   // the last part of the settings of a
	asked   int
}

func newPair(t *testing.T) *pair {
	p := &pair{t: t, a: newComparison("a"), b: newComparison("b"), now: time.Now(), session: "1"}
	p.a.use("same", map[string]string{"orders": "every=1"})
	p.b.use("same", map[string]string{"orders": "every=1"})
	return p
}

// step lets time pass, beat by beat, and returns what b says.
func (p *pair) step(wait time.Duration) (said []string) {
	for end := p.now.Add(wait); p.now.Before(end); {
		p.now = p.now.Add(beatEvery)
		if p.session != "" {
			p.tell()
		}
		p.b.forget(func(session string) bool { return session == p.session })
		begun, ended := p.b.review(p.now)
		for _, d := range begun {
			said = append(said, fmt.Sprintf("%s %s: %s", d.Stream, d.Node, d.words()))
		}
		for _, d := range ended {
			said = append(said, fmt.Sprintf("%s %s is the same", d.Stream, d.Node))
		}
	}
	return said
}

// tell has b hear a.
func (p *pair) tell() {
	m, _ := decode[here](encode(here{Session: p.session, Node: "a", Settings: p.a.digest}))
	if !p.b.hear(m, p.now) {
		return
	}
	p.asked++
	parts := p.a.parts(p.session)
	if p.lose {
		parts = parts[:len(parts)-1]
	}
	for _, part := range parts {
		part, _ := decode[settings](encode(part))
		p.b.fill(part)
	}
}

func (p *pair) expect(said []string, want ...string) {
	p.t.Helper()
	if diff := cmp.Diff(want, said, cmpopts.EquateEmpty()); diff != "" {
		p.t.Errorf("said (-want +got)\n%s", diff)
	}
}

// TestDifference has a node that is configured in another way, for long enough, until it is not
// any more.
func TestDifference(t *testing.T) {
	p := newPair(t)
	p.expect(p.step(time.Hour))
	if p.asked > 0 {
		t.Error("settings are asked for although the digests are equal")
	}
	p.a.use("other", map[string]string{"orders": "every=2 url=3", "prices": "url=4"})
	p.expect(p.step(SayAfter))
	p.expect(p.step(beatEvery), "orders a: every, url", "prices a: missing on b")
	p.expect(p.step(time.Hour))
	if p.asked != 1 {
		t.Errorf("settings are asked for %d times", p.asked)
	}
	if list := p.b.said(); len(list) != 2 || list[0].Stream != "orders" || list[1].Missing != "b" || p.now.Sub(list[0].Since) < time.Hour {
		t.Errorf("said: %+v", list)
	}

	p.b.use("more", map[string]string{"orders": "every=2 url=3", "trades": "url=5"})
	p.expect(p.step(endAfter - beatEvery))
	p.expect(p.step(2*beatEvery), "orders a is the same")
	p.expect(p.step(SayAfter), "trades a: missing on a")
	p.b.use("other", p.a.streams)
	p.expect(p.step(endAfter+beatEvery), "prices a is the same", "trades a is the same")
	if list := p.b.said(); len(list) > 0 || len(p.b.found) > 0 {
		t.Errorf("left: %+v", list)
	}

	// It goes back to what it was at first.
	p.a.use("same", map[string]string{"orders": "every=1"})
	p.expect(p.step(SayAfter+beatEvery), "orders a: every, url", "prices a: missing on a")
}

// TestRollingChange changes one node after the other, which is over before it is said.
func TestRollingChange(t *testing.T) {
	p := newPair(t)
	p.step(time.Minute)
	p.a.use("new", map[string]string{"orders": "every=9"})
	p.expect(p.step(SayAfter - 2*beatEvery))
	p.b.use("new", p.a.streams)
	p.expect(p.step(time.Hour))
	p.b.use("same", map[string]string{"orders": "every=1"}) // which counts from now on
	p.expect(p.step(SayAfter))
	p.expect(p.step(beatEvery), "orders a: every")
}

// TestNodeWithOtherSettingsRestarts is no end of a difference, unless it takes long.
func TestNodeWithOtherSettingsRestarts(t *testing.T) {
	p := newPair(t)
	p.a.use("other", map[string]string{"orders": "every=2"})
	p.expect(p.step(SayAfter+beatEvery), "orders a: every")
	p.session = ""
	p.expect(p.step(endAfter - 2*beatEvery))
	p.session = "2"
	p.expect(p.step(time.Hour))
	p.session = ""
	p.expect(p.step(endAfter+beatEvery), "orders a is the same")
}

// TestSettingsInParts has more settings than one message takes, and loses one of them.
func TestSettingsInParts(t *testing.T) {
	p := newPair(t)
	streams, other := map[string]string{}, map[string]string{}
	for i := range 3000 {
		streams[fmt.Sprint("s", i)] = "every=1 url=123456789abcdef"
		other[fmt.Sprint("s", i)] = "every=1 url=123456789abcdef"
	}
	other["s7"] = "every=2 url=123456789abcdef"
	p.a.use("x", other)
	p.b.use("y", streams)
	if parts := p.a.parts("1"); len(parts) < 2 {
		t.Fatalf("%d parts", len(parts))
	} else {
		for _, part := range parts {
			if size := len(encode(part)); size > 2*settingsAtOnce {
				t.Errorf("a message of %d bytes", size)
			}
		}
	}
	p.lose = true
	p.expect(p.step(2 * SayAfter))
	if most := int(2*SayAfter/askSettings) + 1; p.asked < 2 || p.asked > most {
		t.Errorf("asked %d times, want at most %d", p.asked, most)
	}
	p.lose = false
	p.expect(p.step(SayAfter+askSettings+2*beatEvery), "s7 a: every")
}

// TestForeignSettings has messages that nobody has asked for, or that have too much.
func TestForeignSettings(t *testing.T) {
	p := newPair(t)
	p.b.fill(settings{Session: "stranger", Digest: "x", First: true, Last: true})
	p.a.use("other", map[string]string{"orders": "every=2", "not a name": "x=1", "large": strings.Repeat("x", maxText+1)})
	p.expect(p.step(SayAfter+beatEvery), "orders a: every")
	p.b.fill(settings{Session: "1", Digest: "older", First: true, Last: true, Streams: map[string]string{"orders": "every=3"}})
	p.b.fill(settings{Session: "1", Digest: "other", Last: true}) // a rest without a beginning
	p.expect(p.step(time.Hour))
	if p.b.hear(here{Session: "1", Node: "a"}, p.now) || len(p.b.others) > 0 {
		t.Error("a node of a version without settings is compared")
	}
}

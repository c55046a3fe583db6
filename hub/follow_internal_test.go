package hub

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// tree is a hub, a leaf that follows it, and a leaf that follows one of the two. None of them
// has a goroutine: each step is a call. A client may move between them whenever it wants.
type tree struct {
	t         *rapid.T
	bounded   bool // the origin keeps few documents, so that clients may get a reset
	hubs      []*Hub
	links     []*link
	epoch     int
	seq       uint64
	published map[string][]uint64 // the documents of this epoch by stream
	clients   []*mover
}

// link is how a leaf follows another hub.
type link struct {
	from, to *Hub
	follower *Follower
	asked    map[string]*stream
}

// mover is a client that checks what it gets.
type mover struct {
	streams []string
	s       *Subscription
	on      *Hub
	at      ID
	next    map[string]int  // index of the next document of each stream; missing before the first
	missed  map[string]bool // a reset has said that documents are missing before the next one
	state   map[string]State
}

var (
	treePlain = []string{"a", "b"}
	treeNames = []string{"a", "b", "k/1", "k/2"}
)

func newTree(t *rapid.T) *tree {
	p := &tree{t: t, bounded: rapid.Bool().Draw(t, "bounded")}
	for i := range 3 {
		match, err := NewKeyPattern("[0-9]")
		if err != nil {
			t.Fatal(err)
		}
		o := Options{Streams: append(Named(treePlain...), StreamOptions{Name: "k", Keys: &KeyOptions{Match: match, Max: 100}})}
		if i > 0 {
			o.Shared, o.Beginnings = true, true
		}
		if p.bounded {
			o.History = 3
		}
		h, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		h.portion = portion{events: rapid.IntRange(1, 5).Draw(t, "portion"), bytes: 1 << 20}
		p.hubs = append(p.hubs, h)
	}
	p.links = []*link{{to: p.hubs[1]}, {to: p.hubs[2]}}
	p.restart()
	for i := range p.links {
		p.connect(i, 0)
	}
	return p
}

func (p *tree) origin() *Hub { return p.hubs[0] }

// restart begins a new epoch at the origin.
func (p *tree) restart() {
	p.epoch++
	p.seq, p.published = 0, map[string][]uint64{}
	p.origin().apply(Batch{After: ID{fmt.Sprint("e", p.epoch), 0}})
}

// connect makes a leaf follow one of the hubs above it.
func (p *tree) connect(leaf, from int) {
	l := p.links[leaf]
	if l.follower != nil {
		l.follower.Close()
	}
	var has []string
	for s := range l.to.streams.all() {
		if !s.pending {
			has = append(has, s.name)
		}
	}
	l.from, l.asked = p.hubs[from], map[string]*stream{}
	l.follower = l.from.Follow(FollowOptions{After: l.to.Position(), Has: has, Sees: func(string) bool { return true }})
	l.demand()
}

// demand asks for the keys that exist at the leaf.
func (l *link) demand() {
	for _, name := range treeNames[2:] {
		if exists := l.to.streams.load(name); exists != l.asked[name] {
			l.follower.Want(name, exists != nil)
			l.asked[name] = exists
		}
	}
}

func (p *tree) publish(name string, m Message) {
	m.Stream = name
	e, err := NewEvent(ID{p.origin().epoch, p.seq + 1}, p.origin().began, m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.origin().apply(Batch{After: ID{p.origin().epoch, p.seq}, Events: []*Event{e}})
	p.seq++
	if m.Status == nil {
		p.published[name] = append(p.published[name], p.seq)
	}
}

// pull hands one part to a leaf. It returns false if there was none.
func (p *tree) pull(leaf int) bool {
	l := p.links[leaf]
	l.demand()
	var part Part
	l.follower.heed(&part)
	some, err := l.follower.take(&part)
	l.follower.leaveRemoved()
	if err != nil {
		p.t.Fatal(err)
	}
	if part.At.IsZero() {
		return false
	}
	after := l.to.Position()
	if after.epoch != part.At.epoch {
		if after = part.At; len(part.Events) > 0 {
			p.t.Fatalf("events of epoch %s come before its beginnings", part.At.epoch)
		}
	}
	l.to.apply(Batch{After: after, Begins: part.Begins, Events: part.Events, End: part.At.seq, Head: l.from.Position()})
	return some
}

// endKeys ends the keys of a hub that nobody listens to.
func (p *tree) endKeys(h *Hub) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.set.Load().keyed["k"]
	for h.endOldestLocked(f) {
		continue
	}
}

// begin makes a client subscribe, at its position if it has one.
func (p *tree) begin(c *mover, on *Hub) {
	opts := SubscribeOptions{Streams: c.streams, Replay: ReplayAll}
	if !c.at.IsZero() {
		opts.LastEventID = c.at.LastEventID()
	}
	s, err := on.Subscribe(p.t.Context(), opts)
	if err != nil {
		p.t.Fatal(err)
	}
	c.s, c.on = s, on
	p.handle(c, s.Replay())
	p.settle(c)
}

// read makes a client handle everything that is there for it.
func (p *tree) read(c *mover) {
	for rounds := 0; ; rounds++ {
		if rounds > 1000 {
			p.t.Fatalf("a client of %v at %v, the origin at %v, always begins again", c.streams, c.at, p.origin().Position())
		}
		select {
		case e, ok := <-c.s.Events():
			if ok {
				p.handle(c, []*Event{e})
				continue
			}
			next, err := c.s.Resume()
			if err != nil {
				p.t.Fatal(err)
			}
			c.s = next
			p.handle(c, next.Replay())
			p.settle(c)
		default:
			return
		}
	}
}

func (p *tree) handle(c *mover, events []*Event) {
	for _, e := range events {
		switch e.Kind() {
		case KindReset:
			// A leaf may be late, and a key that has ended has lost its documents.
			late := c.at.epoch != p.origin().epoch || c.on.epoch != p.origin().epoch
			concerns := e.Stream()
			if len(c.streams) == 1 {
				concerns = c.streams[0]
			}
			if _, key := SplitName(concerns); !late && !p.bounded && key == "" {
				p.t.Fatalf("a client at %v, the log at %d, gets %s", c.at, p.seq, e.Data())
			}
			c.mayMiss(e.Stream(), late)
			continue
		case KindStatus:
			c.state[e.Stream()] = e.state
		case KindData:
			if e.id.epoch != p.origin().epoch {
				continue // the leaf is late
			}
			at := slices.Index(p.published[e.Stream()], e.id.seq)
			next, begun := c.next[e.Stream()]
			anew := c.missed[e.Stream()] && at >= next-1 // with the newest document, which it may have
			if begun && at != next && !anew {
				p.t.Fatalf("%s at %v, the next of %q would be %d, got %d", c.streams, c.at, e.Stream(), next, at)
			}
			c.next[e.Stream()], c.missed[e.Stream()] = at+1, false
		}
		if !e.id.IsZero() && (c.at.epoch != e.id.epoch || c.at.seq < e.id.seq) {
			c.at = e.id
		}
	}
}

// mayMiss notes a reset.
func (c *mover) mayMiss(stream string, anew bool) {
	if anew {
		clear(c.next)
	}
	for _, name := range c.streams {
		c.missed[name] = c.missed[name] || stream == "" || stream == name
	}
}

// settle notes the position of a client that has handled a replay. A stream of which it has
// got nothing up to there has nothing, so the next document is the first one.
func (p *tree) settle(c *mover) {
	at := c.s.Position()
	if at.IsZero() {
		return
	}
	c.at = at
	for _, name := range c.streams {
		list := p.published[name]
		if _, begun := c.next[name]; !begun && at.epoch == p.origin().epoch && (len(list) == 0 || list[0] > at.seq) {
			c.next[name] = 0
		}
	}
}

// TestFollowModel has clients that move between a hub and two leaves at any moment, while
// the leaves are late, lose their connection, and have to fetch keys first. Nobody misses a
// document without a reset or gets one twice, and in the end everybody has the newest one.
func TestFollowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newTree(t)
		for range 3 {
			c := &mover{next: map[string]int{}, missed: map[string]bool{}, state: map[string]State{}}
			c.streams = rapid.SliceOfNDistinct(rapid.SampledFrom(treeNames), 1, 3, rapid.ID).Draw(t, "streams")
			p.clients = append(p.clients, c)
			p.begin(c, p.origin())
		}
		client := func(t *rapid.T) *mover { return p.clients[rapid.IntRange(0, len(p.clients)-1).Draw(t, "client")] }
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				for range rapid.IntRange(1, 3).Draw(t, "documents") {
					if name := rapid.SampledFrom(treeNames).Draw(t, "stream"); p.origin().HasStream(name) {
						p.publish(name, Message{Data: []byte("1")})
					}
				}
			},
			"status": func(t *rapid.T) {
				p.publish(rapid.SampledFrom(treePlain).Draw(t, "stream"), Message{Status: &Status{State: rapid.SampledFrom([]State{Live, Stale, Down}).Draw(t, "state")}})
			},
			"pull": func(t *rapid.T) { p.pull(rapid.IntRange(0, 1).Draw(t, "leaf")) },
			"cut": func(t *rapid.T) {
				leaf := rapid.IntRange(0, 1).Draw(t, "leaf")
				p.connect(leaf, rapid.IntRange(0, leaf).Draw(t, "from"))
			},
			"restart": func(*rapid.T) { p.restart() },
			"lose": func(*rapid.T) { // the log of the origin has lost something, and clients are told
				p.bounded = true
				p.seq++
				p.origin().apply(Batch{After: ID{p.origin().epoch, p.seq}})
			},
			"endKeys": func(t *rapid.T) { p.endKeys(p.hubs[rapid.IntRange(0, 2).Draw(t, "hub")]) },
			"read":    func(t *rapid.T) { p.read(client(t)) },
			"move": func(t *rapid.T) {
				c := client(t)
				c.s.Close()
				p.begin(c, p.hubs[rapid.IntRange(0, 2).Draw(t, "to")])
			},
		})
		for again, rounds := 3, 0; again > 0; again-- { // once more for the demand, and for the head
			for p.pull(0) || p.pull(1) {
				if again, rounds = 3, rounds+1; rounds > 1000 {
					t.Fatal("there is always something more to follow")
				}
			}
			for _, c := range p.clients {
				p.read(c)
			}
		}
		p.judge(t)
	})
}

// judge checks that each client has the newest document and the state of its streams.
func (p *tree) judge(t *rapid.T) {
	for _, c := range p.clients {
		on := slices.Index(p.hubs, c.on)
		if c.at.epoch != p.origin().epoch || c.s.rare != nil && c.s.rare.ahead != nil {
			t.Errorf("a client of %v on %d is at %v and waits, the origin is at %v", c.streams, on, c.at, p.origin().Position())
		}
		for _, name := range c.streams {
			s := p.origin().streams.load(name)
			if s != nil && s.history.newest() != nil && c.next[name] != len(p.published[name]) {
				t.Errorf("a client of %v at %v on %d has %d documents of %q, want %d", c.streams, c.at, on, c.next[name], name, len(p.published[name]))
			}
			want := Live
			if s != nil && s.status != nil {
				want = s.status.state
			}
			if got, told := c.state[name]; told && got != want {
				t.Errorf("a client of %q on %d believes that it is %s, it is %s", name, on, got, want)
			}
		}
	}
}

// A reader that is written to for long keeps little of what history drops meanwhile, and goes on
// from history. The list of what came was bounded by its number alone: 1,024 documents of 1 MiB.
func TestAFollowerThatIsSlowKeepsLittle(t *testing.T) {
	h, err := New(Options{History: 1})
	if err != nil {
		t.Fatal(err)
	}
	h.apply(Batch{After: ID{"e", 0}})
	f := h.Follow(FollowOptions{Sees: func(string) bool { return true }})
	defer f.Close()
	next := func() Part {
		t.Helper()
		var p Part
		if _, err := f.take(&p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	seq := uint64(0)
	publish := func(size int) {
		seq++
		e, err := NewEvent(ID{"e", seq}, h.began, Message{Data: bytes.Repeat([]byte("1"), size)})
		if err != nil {
			t.Fatal(err)
		}
		h.apply(Batch{After: ID{"e", seq - 1}, Events: []*Event{e}})
	}
	if p := next(); !p.Changed {
		t.Fatalf("got %+v", p)
	}
	if p := next(); len(p.Begins) != 1 {
		t.Fatalf("got %+v", p)
	}
	for range 10 { // a reader that keeps up is read from the list
		publish(1 << 20)
		if p := next(); len(p.Begins) != 0 || len(p.Events) != 1 || f.bytes != 0 {
			t.Fatalf("got %d beginnings, %d events, and %d bytes are left", len(p.Begins), len(p.Events), f.bytes)
		}
	}
	for range 3 {
		publish(600 << 10)
	}
	if p := next(); len(p.Events) != 1 || f.bytes < 2*600<<10 || f.bytes > 2*601<<10 {
		t.Fatalf("got %d events, and %d bytes are left, want those of 2 events", len(p.Events), f.bytes)
	}
	for range 100 {
		publish(1 << 20)
		held := 0
		for _, e := range f.recent[:cap(f.recent)] {
			if e != nil {
				held += e.size
			}
		}
		if held > 16<<20 {
			t.Fatalf("%d bytes are held after %d documents", held, seq)
		}
	}
	if p := next(); len(p.Begins) != 1 || len(p.Begins[0].Events) != 0 || p.Begins[0].Lost != seq-1 {
		t.Fatalf("got %+v", p)
	}
	if p := next(); len(p.Events) != 1 || p.Events[0].id.seq != seq || p.At.seq != seq {
		t.Fatalf("got %+v", p)
	}
}

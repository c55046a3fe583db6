package peers

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// here is what a node tells of itself with each beat. Members that are not known are ignored.
type here struct {
	Session  string `json:"session"`
	Node     string `json:"node"`
	Lag      uint64 `json:"lag"`
	Settings string `json:"settings,omitempty"` // their digest
	Gone     bool   `json:"gone,omitempty"`     // it ends
}

// Node is one of the nodes that share the log, as it has told of itself.
type Node struct {
	Name string
	Lag  uint64        // positions of the log that were given out and that it had not read
	Age  time.Duration // of what it has told; 0 of this node
}

// presences are the other nodes that were heard. They are safe for concurrent use.
type presences struct {
	mu   sync.Mutex
	seen map[string]sighting // by session
}

// sighting is what a node has told, and when.
type sighting struct {
	here
	at time.Time
}

// hear notes what a node tells of itself.
func (p *presences) hear(m here, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Gone {
		delete(p.seen, m.Session)
		return
	}
	p.seen[m.Session] = sighting{m, now}
}

// forget forgets the nodes of which nothing was heard for a while.
func (p *presences) forget(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for session, one := range p.seen {
		if now.Sub(one.at) >= forgetAfter {
			delete(p.seen, session)
		}
	}
}

// isThere reports whether a node is known.
func (p *presences) isThere(session string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, is := p.seen[session]
	return is
}

// Nodes returns the nodes that share the log, with this one, by name. Of another node that is
// what was heard last: it is missing until something was, and once nothing is heard of it for
// 15 s.
func (p *Peers) Nodes() []Node {
	list := []Node{{Name: p.opts.Node, Lag: p.opts.Lag()}}
	now := time.Now()
	p.presences.mu.Lock()
	for _, one := range p.presences.seen {
		list = append(list, Node{Name: one.Node, Lag: one.Lag, Age: now.Sub(one.at)})
	}
	p.presences.mu.Unlock()
	slices.SortFunc(list, func(a, b Node) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Age, b.Age)) })
	return list
}

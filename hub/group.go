package hub

import (
	"context"
	"sync"
	"sync/atomic"
)

// defaultGroups is into how many groups those subscribers are divided that are
// in no group of their own choice. A joining or leaving subscriber waits at most
// for one group to be served, which with 19,000 subscribers is some 1,200
// channel sends.
const defaultGroups = 16

// Group is a part of the subscribers, for an owner that serves all of them from
// one goroutine: instead of waiting at each channel it waits at Wake, and asks
// Ready which of them have something. Events still go through each
// subscription's own channel, by the same rules.
//
// Its methods are safe for concurrent use.
type Group struct {
	hub *Hub

	mu     sync.Mutex
	closed bool
	lists  map[*stream][]*Subscription
	ready  []*Subscription // with news since the last Ready; unused in default groups
	wake   chan struct{}   // of capacity 1; nil in default groups
}

// NewGroup returns an empty group. Groups last as long as the hub.
func (h *Hub) NewGroup() *Group { return h.addGroup(make(chan struct{}, 1)) }

func (h *Hub) addGroup(wake chan struct{}) *Group {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := &Group{
		hub:    h,
		closed: h.closed,
		lists:  make(map[*stream][]*Subscription),
		wake:   wake,
	}
	groups := append(h.groups.load(), g)
	h.groups.store(groups)
	return g
}

// groupList is read with every broadcast and hardly ever written.
type groupList struct{ pointer atomic.Pointer[[]*Group] }

func (l *groupList) load() []*Group {
	if p := l.pointer.Load(); p != nil {
		return *p
	}
	return nil
}

// store takes a list whose beginning may be shared with the old one.
func (l *groupList) store(groups []*Group) { l.pointer.Store(&groups) }

// Subscribe is like [Hub.Subscribe] for a subscriber of this group.
func (g *Group) Subscribe(ctx context.Context, opts SubscribeOptions) (*Subscription, error) {
	return g.hub.subscribe(ctx, g, opts)
}

// Wake returns the channel that says, by one value for any number of news, that
// Ready has something to tell.
func (g *Group) Wake() <-chan struct{} { return g.wake }

// Ready appends the subscriptions whose channel is not empty any more, or that
// the hub ended, since Ready was called last. Whoever is told has to receive
// until the channel is empty or closed, else it is not told again. A
// subscription may be told twice, and also after it was closed.
func (g *Group) Ready(list []*Subscription) []*Subscription {
	g.mu.Lock()
	defer g.mu.Unlock()
	list = append(list, g.ready...)
	clear(g.ready)
	g.ready = g.ready[:0]
	if len(g.lists) == 0 {
		g.ready = nil
	}
	return list
}

// announceLocked puts a subscription on the list for Ready.
func (g *Group) announceLocked(s *Subscription) {
	if g.wake != nil {
		g.ready = append(g.ready, s)
	}
}

// wakeLocked wakes the owner if there is something to tell.
func (g *Group) wakeLocked() {
	if len(g.ready) == 0 {
		return
	}
	select {
	case g.wake <- struct{}{}:
	default: // it has not looked yet
	}
}

// forgetLocked takes a subscription out of the list of a stream.
func (g *Group) forgetLocked(t topic) {
	list := g.lists[t.stream]
	last := len(list) - 1
	moved := list[last]
	list[t.index], list[last] = moved, nil
	for i := range moved.topics {
		if moved.topics[i].stream == t.stream {
			moved.topics[i].index = t.index
		}
	}
	g.lists[t.stream] = list[:last]
	if last == 0 {
		delete(g.lists, t.stream) // a large list of nobody
	}
}

// broadcast offers events, which follow what came before, to all subscribers.
func (h *Hub) broadcast(batch []*Event) {
	streams := h.streams.load()
	for _, g := range h.groups.load() {
		g.mu.Lock()
		for _, e := range batch {
			s := streams[e.stream]
			if s == nil {
				continue
			}
			// From the end, because one that turns out slow leaves the list.
			list := g.lists[s]
			for j := len(list) - 1; j >= 0; j-- {
				list[j].offerLocked(e)
			}
		}
		g.wakeLocked()
		g.mu.Unlock()
	}
}

// interrupt ends, with ErrGap, every subscription that does not reach up to the
// position: what comes now does not follow what it has. One that began since is
// not concerned, nor is one that waited for the log and takes what comes.
func (h *Hub) interrupt(after ID) {
	for _, g := range h.groups.load() {
		g.mu.Lock()
		g.endAllLocked(gap, func(s *Subscription) bool {
			return !s.beginLocked(after) && (s.epoch != after.epoch || s.after < after.seq)
		})
		g.mu.Unlock()
	}
}

// close ends every subscription with ErrClosed, and lets nobody subscribe any
// more.
func (h *Hub) close() {
	for _, g := range h.groups.load() {
		g.mu.Lock()
		g.closed = true
		g.endAllLocked(closed, func(*Subscription) bool { return true })
		g.mu.Unlock()
	}
}

// endAllLocked ends those of the subscriptions who are concerned.
func (g *Group) endAllLocked(why ending, concerns func(*Subscription) bool) {
	for _, list := range g.lists {
		// From the end, because everybody who ends leaves the list.
		for j := len(list) - 1; j >= 0; j-- {
			if s := list[j]; concerns(s) {
				g.announceLocked(s)
				s.endLocked(why)
			}
		}
	}
	g.wakeLocked()
}

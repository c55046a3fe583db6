package hub

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// defaultGroups is the number of groups for subscribers that did not choose one. A
// joining or leaving subscriber waits for the broadcast to one group at most, which
// with 19,000 subscribers is some 1,200 channel sends.
const defaultGroups = 16

// Group is a set of subscribers that one goroutine serves. Instead of waiting for
// each channel, the goroutine waits for Wake and asks Ready which subscriptions have
// events. Events still go through the channel of each subscription, by the same
// rules.
//
// Its methods are safe for concurrent use.
type Group struct {
	hub *Hub

	mu     sync.Mutex
	closed bool
	lists  map[*stream][]*Subscription
	ready  []*Subscription // that the next Ready returns; unused in default groups
	since  time.Time       // when the oldest event was stored that made one of them ready
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

// groupList is read with every broadcast and hardly ever replaced.
type groupList struct{ pointer atomic.Pointer[[]*Group] }

func (l *groupList) load() []*Group {
	if p := l.pointer.Load(); p != nil {
		return *p
	}
	return nil
}

// store replaces the list. The new one may share its beginning with the old one.
func (l *groupList) store(groups []*Group) { l.pointer.Store(&groups) }

// Subscribe is [Hub.Subscribe] for a subscriber of this group.
func (g *Group) Subscribe(ctx context.Context, opts SubscribeOptions) (*Subscription, error) {
	return g.hub.subscribe(ctx, g, opts)
}

// Wake returns a channel that gets a value when Ready has subscriptions to return.
func (g *Group) Wake() <-chan struct{} { return g.wake }

// Ready appends the subscriptions whose channel is no longer empty, or that the hub
// ended, since the last call. The caller has to receive from each until its channel
// is empty or closed; otherwise Ready may not return it again. A subscription may
// be returned twice, and also after it was closed. since is when the oldest event was
// stored that made one of them ready; zero if none did.
func (g *Group) Ready(list []*Subscription) (ready []*Subscription, since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	list = append(list, g.ready...)
	since, g.since = g.since, time.Time{}
	clear(g.ready)
	g.ready = g.ready[:0]
	if len(g.lists) == 0 {
		g.ready = nil
	}
	return list, since
}

// markReadyLocked puts a subscription on the list for Ready.
func (g *Group) markReadyLocked(s *Subscription) {
	if g.wake != nil {
		g.ready = append(g.ready, s)
	}
}

// wakeLocked wakes the owner if Ready has subscriptions to return.
func (g *Group) wakeLocked() {
	if len(g.ready) == 0 {
		return
	}
	select {
	case g.wake <- struct{}{}:
	default: // the owner has not received the last value yet
	}
}

// unlistLocked takes a subscription out of the list of a stream.
func (g *Group) unlistLocked(t topic) {
	list := g.lists[t.stream]
	last := len(list) - 1
	moved := list[last]
	list[t.index], list[last] = moved, nil
	for topics, i := moved.topics(), 0; i < len(topics); i++ {
		if topics[i].stream == t.stream {
			topics[i].index = t.index
		}
	}
	g.lists[t.stream] = list[:last]
	if last == 0 {
		delete(g.lists, t.stream) // which frees a large empty list
	}
}

// broadcast offers the events of the last record to all subscribers. A subscriber that
// joined before record has entered its streams before. One that enters them later finds
// the events in history. So a stream that has no subscribers now has none to be told.
func (h *Hub) broadcast(batch []*Event) {
	streams, silent := h.batch, true
	defer clear(streams) // a key may end before the next batch
	for i, s := range streams {
		if s == nil || s.subscribers.Load() <= 0 {
			streams[i] = nil
		} else {
			silent = false
		}
	}
	if silent {
		return
	}
	for _, g := range h.groups.load() {
		g.mu.Lock()
		for i, e := range batch {
			s := streams[i]
			if s == nil {
				continue
			}
			// From the end, because a slow subscription leaves the list.
			list := g.lists[s]
			for j := len(list) - 1; j >= 0; j-- {
				list[j].offerLocked(e)
			}
		}
		if len(g.ready) > 0 && g.since.IsZero() {
			g.since = batch[0].time
		}
		g.wakeLocked()
		g.mu.Unlock()
	}
}

// endBroken ends, with ErrGap, every subscription that is not at the position after
// which the next events come: they do not follow what it has. A subscription that
// began there goes on, and so does one that waited for the log without asking for a
// position.
func (h *Hub) endBroken(after ID) {
	for _, g := range h.groups.load() {
		g.mu.Lock()
		g.endAllLocked(gap, func(s *Subscription) bool {
			return !s.adoptEpochLocked(after) && (s.epoch != after.epoch || s.after < after.seq)
		})
		g.mu.Unlock()
	}
}

// endLacking ends, with ErrGap, the subscriptions of the streams of which the last record
// has noted a loss, unless they began after what was lost.
func (h *Hub) endLacking() {
	defer clear(h.lacking)
	for _, lost := range h.lacking {
		if lost.stream.subscribers.Load() <= 0 {
			continue
		}
		for _, g := range h.groups.load() {
			g.mu.Lock()
			g.endSomeLocked(g.lists[lost.stream], gap, func(s *Subscription) bool { return s.after < lost.upTo })
			g.wakeLocked()
			g.mu.Unlock()
		}
	}
}

// close ends every subscription with ErrClosed, and refuses new ones.
func (h *Hub) close() {
	for _, g := range h.groups.load() {
		g.mu.Lock()
		g.closed = true
		g.endAllLocked(closed, func(*Subscription) bool { return true })
		g.mu.Unlock()
	}
}

// endAllLocked ends the chosen subscriptions.
func (g *Group) endAllLocked(why ending, chosen func(*Subscription) bool) {
	for _, list := range g.lists {
		g.endSomeLocked(list, why, chosen)
	}
	g.wakeLocked()
}

// endSomeLocked ends the chosen subscriptions of one stream.
func (g *Group) endSomeLocked(list []*Subscription, why ending, chosen func(*Subscription) bool) {
	// From the end, because a subscription that ends leaves the list.
	for j := len(list) - 1; j >= 0; j-- {
		if s := list[j]; chosen(s) {
			g.markReadyLocked(s)
			s.endLocked(why)
		}
	}
}

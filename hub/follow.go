package hub

import (
	"context"
	"slices"
	"sync"
)

// FollowOptions say what a Follower reads.
type FollowOptions struct {
	// After is the position up to which the reader has everything of the streams in Has. If
	// it is of another epoch, or zero, the reader has nothing.
	After ID
	Has   []string

	// Sees reports whether the reader may read a stream, by the name of a plain stream or
	// of one with keys. It is called by Next, with a lock held, so it must not wait.
	Sees func(stream string) bool
}

// Part is what Follower.Next returns, to be handled in the order of its fields.
type Part struct {
	Changed bool        // the set of streams may have changed
	Refused []Refusal   // wanted streams that cannot be had
	Begins  []Beginning // streams of which the reader has nothing yet, or has lost something
	Events  []*Event    // of the streams that have begun
	At      ID          // the reader has everything up to here
}

// Refusal is a stream that was wanted, and why it cannot be had.
type Refusal struct {
	Stream string
	Err    error // ErrUnknownStream, ErrTooManyKeys
}

// Follower reads the timeline of a hub from history, for another hub that has the same one.
// It reads each plain stream, and those keys that are wanted. A wanted stream has one
// subscriber more as long as it is wanted, so it is polled. A Follower that reads slowly
// holds nothing up: it goes on from history, and begins streams anew that history has lost.
//
// Next belongs to one goroutine. The other methods are safe for concurrent use.
type Follower struct {
	hub  *Hub
	sees func(stream string) bool
	wake chan struct{} // of capacity 1

	mu    sync.Mutex
	asked map[string]bool // what Want has said since the last Next

	// Guarded by Hub.mu.
	recent  []*Event // recorded since Next has looked
	bytes   int      // size of recent
	behind  bool     // there were more, or something was lost
	changed bool     // the set of streams may have changed
	looks   bool     // there may be streams that have not begun

	// These belong to the goroutine of Next.
	at      ID
	begun   map[string]*begun
	wanted  map[string]*stream
	removed []*stream // of those that were wanted
}

// begun is a stream that a Follower reads.
type begun struct {
	stream *stream
	lost   uint64 // what was lost up to here was told
}

// The bounds of Follower.recent. History may drop these events while the reader does not read.
const (
	maxRecent      = 1024
	maxRecentBytes = 16 << 20
)

// Follow returns a Follower. It must be closed.
func (h *Hub) Follow(opts FollowOptions) *Follower {
	f := &Follower{
		hub: h, sees: opts.Sees, wake: make(chan struct{}, 1), asked: map[string]bool{},
		behind: true, changed: true, looks: true, at: opts.After, begun: map[string]*begun{}, wanted: map[string]*stream{},
	}
	for _, name := range opts.Has {
		f.begun[name] = &begun{lost: opts.After.seq}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.followers = append(h.followers, f)
	h.tells = true // what this reader tells, when it hears nothing from here, nobody takes back but this hub
	f.signal()
	return f
}

// Want says whether the reader wants a key, or wants a plain stream to be polled. It is heard by
// Next.
func (f *Follower) Want(name string, wanted bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[name] = wanted
	f.signal()
}

// Close ends the demand of the follower. Next must have returned.
func (f *Follower) Close() {
	for _, s := range f.wanted {
		f.hub.leave(s)
	}
	clear(f.wanted)
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	f.hub.followers = slices.DeleteFunc(f.hub.followers, func(one *Follower) bool { return one == f })
}

func (f *Follower) signal() {
	select {
	case f.wake <- struct{}{}:
	default: // the last value has not been received yet
	}
}

// Next returns what the reader does not have yet, in portions. It waits until there is
// something. Errors: that of ctx, ErrClosed. It waits too while the hub does not know its
// epoch.
func (f *Follower) Next(ctx context.Context) (Part, error) {
	for {
		var p Part
		f.heed(&p)
		some, err := f.take(&p)
		f.leaveRemoved()
		if err != nil || some {
			return p, err
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}

// Position returns the position up to which Next has read.
func (f *Follower) Position() ID { return f.at }

// heed enters the streams that are wanted now, and leaves those that are not any more.
func (f *Follower) heed(p *Part) {
	f.mu.Lock()
	asked := f.asked
	f.asked = map[string]bool{}
	f.mu.Unlock()
	for name, wanted := range asked {
		s := f.wanted[name]
		switch {
		case !wanted && s != nil:
			f.hub.leave(s)
			delete(f.wanted, name)
			if s.family != nil {
				delete(f.begun, name)
			}
		case wanted && s == nil:
			f.enter(name, p)
		case wanted && s.family != nil:
			f.restart(name) // the key has ended there and is wanted again
		}
	}
}

// enter makes a stream a wanted one.
func (f *Follower) enter(name string, p *Part) {
	configured, _ := SplitName(name)
	if !f.sees(configured) {
		p.Refused = append(p.Refused, Refusal{name, unknownStream(name)})
		return
	}
	s, err := f.hub.enterName(name)
	if err != nil {
		p.Refused = append(p.Refused, Refusal{name, err})
		return
	}
	f.wanted[name] = s
	if s.family != nil {
		f.restart(name)
	}
}

// restart begins a stream once more.
func (f *Follower) restart(name string) {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	if b := f.begun[name]; b == nil || b.stream != nil {
		delete(f.begun, name)
	}
	f.looks = true
}

// leaveRemoved leaves the streams that were removed. One of the same name may have come in
// their place.
func (f *Follower) leaveRemoved() {
	for _, s := range f.removed {
		f.hub.leave(s)
		f.mu.Lock()
		if _, said := f.asked[s.name]; !said {
			f.asked[s.name] = true
			f.signal()
		}
		f.mu.Unlock()
	}
	f.removed = nil
}

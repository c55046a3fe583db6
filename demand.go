package pollux

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/polluxhub/pollux/hub"
)

// demand is what clients want of streams that are polled elsewhere. Those of a leaf want of
// its origin the keys that exist here, and the streams that are polled on demand and that
// somebody listens to. Those of one of several nodes want what they listen to, of streams that
// another node polls.
type demand struct {
	pollux  *Pollux
	node    bool          // not a leaf
	changed chan struct{} // of capacity 1
	renewed chan struct{} // of capacity 1: watch has to look at other streams

	mu       sync.Mutex
	holds    map[string]bool          // streams that this node polls
	keys     map[string]hub.KeyDemand // by stream, of a leaf
	news     map[string]hub.KeyChange // of keys that other nodes poll, by name
	onDemand map[string]hub.Demand
	exists   map[string]bool // what is wanted
	stale    []string        // what is not wanted any more, because its stream was removed, or is polled here
	touches  []string        // keys that exist, and that nobody listens to
}

func newDemand(p *Pollux) *demand {
	return &demand{
		pollux: p, changed: make(chan struct{}, 1), renewed: make(chan struct{}, 1),
		holds: map[string]bool{}, keys: map[string]hub.KeyDemand{}, news: map[string]hub.KeyChange{}, onDemand: map[string]hub.Demand{}, exists: map[string]bool{},
	}
}

// Changed implements followlog.Demand.
func (d *demand) Changed() <-chan struct{} { return d.changed }

// Take implements followlog.Demand.
func (d *demand) Take() (want, unwant []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	unwant, d.stale = d.stale, nil
	changes := slices.Collect(maps.Values(d.news))
	clear(d.news)
	for _, keys := range d.keys {
		changes = keys.Changes(changes)
	}
	for _, change := range changes {
		wanted := change.Exists && (!d.node || change.Listeners > 0)
		switch {
		case wanted && !d.exists[change.Name]:
			want = append(want, change.Name)
			d.exists[change.Name] = true
		case change.Exists && !wanted && !d.exists[change.Name]:
			d.touches = append(d.touches, change.Name)
		case !wanted && d.exists[change.Name]:
			unwant = append(unwant, change.Name)
			delete(d.exists, change.Name)
		}
	}
	for name, one := range d.onDemand {
		switch listens := one.Listeners() > 0; {
		case listens && !d.exists[name]:
			want = append(want, name)
			d.exists[name] = true
		case !listens && d.exists[name]:
			unwant = append(unwant, name)
			delete(d.exists, name)
		}
	}
	return want, unwant
}

// hear notes changes in keys that other nodes poll.
func (d *demand) hear(changes []hub.KeyChange) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, change := range changes {
		d.news[change.Name] = change
	}
	signal(d.changed)
}

// renew looks at the streams, which have changed.
func (d *demand) renew() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renewLocked()
}

// move notes whether this node polls a stream.
func (d *demand) move(stream string, holds bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if holds {
		d.holds[stream] = true
	} else {
		delete(d.holds, stream)
	}
	d.renewLocked()
}

func (d *demand) renewLocked() {
	set, h := d.pollux.streams.Load(), d.pollux.hub
	keyed := map[string]bool{}
	for _, one := range h.KeyStreams() {
		if d.node && !set.sources[one.Name] {
			continue
		}
		if keyed[one.Name] = true; d.node {
			continue // the poller tells of its keys
		}
		if d.keys[one.Name] == nil {
			if keys, err := h.Keys(one.Name); err == nil { // else it was removed a moment ago
				d.keys[one.Name] = keys
			}
		}
	}
	for _, name := range h.StreamNames() {
		if set.onDemand[name] && d.onDemand[name] == nil && !d.holds[name] {
			if one, err := h.Demand(name); err == nil { // likewise
				d.onDemand[name] = one
			}
		}
	}
	maps.DeleteFunc(d.keys, func(name string, _ hub.KeyDemand) bool { return !keyed[name] })
	maps.DeleteFunc(d.onDemand, func(name string, _ hub.Demand) bool {
		return !h.HasStream(name) || !set.onDemand[name] || d.holds[name]
	})
	for name := range d.exists {
		if stream := streamOf(name); !keyed[stream] && d.onDemand[name] == nil {
			d.stale = append(d.stale, name)
			delete(d.exists, name)
		}
	}
	for _, c := range []chan struct{}{d.changed, d.renewed} {
		signal(c)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // the last value has not been received yet
	}
}

// watch passes the signals of all streams on to Changed, until ctx ends.
func (d *demand) watch(ctx context.Context) error {
	receive := func(c any) reflect.SelectCase {
		return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)}
	}
	for {
		cases := []reflect.SelectCase{receive(ctx.Done()), receive(d.renewed)}
		d.mu.Lock()
		for _, one := range slices.Collect(maps.Values(d.keys)) {
			cases = append(cases, receive(one.Changed()))
		}
		for _, one := range slices.Collect(maps.Values(d.onDemand)) {
			cases = append(cases, receive(one.Changed()))
		}
		d.mu.Unlock()
		for at := -1; at != 1; {
			if at, _, _ = reflect.Select(cases); at == 0 {
				return nil
			}
			signal(d.changed)
		}
	}
}

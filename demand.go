package pollux

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/polluxhub/pollux/hub"
)

// demand is what the clients of a leaf want of its origin: the keys that exist here, and the
// streams that are polled on demand and that somebody listens to.
type demand struct {
	pollux  *Pollux
	changed chan struct{} // of capacity 1
	renewed chan struct{} // of capacity 1: watch has to look at other streams

	mu       sync.Mutex
	keys     map[string]hub.KeyDemand // by stream
	onDemand map[string]hub.Demand
	exists   map[string]bool // what is wanted
	stale    []string        // what is not wanted any more, because its stream was removed
}

func newDemand(p *Pollux) *demand {
	return &demand{
		pollux: p, changed: make(chan struct{}, 1), renewed: make(chan struct{}, 1),
		keys: map[string]hub.KeyDemand{}, onDemand: map[string]hub.Demand{}, exists: map[string]bool{},
	}
}

// Changed implements followlog.Demand.
func (d *demand) Changed() <-chan struct{} { return d.changed }

// Take implements followlog.Demand.
func (d *demand) Take() (want, unwant []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	unwant, d.stale = d.stale, nil
	for _, keys := range d.keys {
		for _, change := range keys.Changes(nil) {
			switch {
			case !change.Exists:
				unwant = append(unwant, change.Name)
				delete(d.exists, change.Name)
			case !d.exists[change.Name]:
				want = append(want, change.Name)
				d.exists[change.Name] = true
			}
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

// renew looks at the streams, which have changed.
func (d *demand) renew() {
	d.mu.Lock()
	defer d.mu.Unlock()
	set, h := d.pollux.streams.Load(), d.pollux.hub
	keyed := map[string]bool{}
	for _, one := range h.KeyStreams() {
		keyed[one.Name] = true
		if d.keys[one.Name] == nil {
			if keys, err := h.Keys(one.Name); err == nil { // else it was removed a moment ago
				d.keys[one.Name] = keys
			}
		}
	}
	for _, name := range h.StreamNames() {
		if set.onDemand[name] && d.onDemand[name] == nil {
			if one, err := h.Demand(name); err == nil { // likewise
				d.onDemand[name] = one
			}
		}
	}
	maps.DeleteFunc(d.keys, func(name string, _ hub.KeyDemand) bool { return !keyed[name] })
	maps.DeleteFunc(d.onDemand, func(name string, _ hub.Demand) bool { return !h.HasStream(name) || !set.onDemand[name] })
	for name := range d.exists {
		if stream := streamOf(name); d.keys[stream] == nil && d.onDemand[name] == nil {
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

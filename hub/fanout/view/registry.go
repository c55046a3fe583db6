package view

import (
	"cmp"
	"net/netip"
	"sync"
)

// registry knows the views in use, and how many clients each address has in them.
type registry struct {
	opts Options

	mu      sync.Mutex
	used    map[string]*view
	partial int                // views in use that have fields
	viewers map[place]int      // clients of an address in a view with fields
	shares  map[netip.Addr]int // different views with fields of an address
}

func newRegistry(opts Options) registry {
	return registry{
		opts:    opts,
		used:    make(map[string]*view),
		viewers: make(map[place]int),
		shares:  make(map[netip.Addr]int),
	}
}

// place is one view of one address.
type place struct {
	from netip.Addr
	view *view
}

// share returns how many different views with fields the clients of one address may
// have: by default a quarter, so that no address takes all of them.
func (r *registry) share() int { return max(cmp.Or(r.opts.MaxViewsOfOne, r.opts.MaxViews/4), 1) }

// acquire returns a viewer for a client of the address, nil for the zero View. It must
// be released.
func (r *registry) acquire(wanted View, named bool, from netip.Addr) (*viewer, error) {
	if wanted.Mode == Full && !wanted.Lines && !wanted.HTML && len(wanted.Fields) == 0 {
		return nil, nil
	}
	fresh, err := newView(wanted, named)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	one, known := r.used[fresh.key]
	if !known {
		one = fresh
		one.opts = &r.opts
	}
	at := place{from, one}
	if one.partial() {
		switch {
		case !known && r.partial >= r.opts.MaxViews:
			return nil, ErrTooMany
		case r.viewers[at] == 0 && r.shares[from] >= r.share():
			return nil, ErrTooManyOfOne
		}
		if r.viewers[at]++; r.viewers[at] == 1 {
			r.shares[from]++
		}
	}
	if one.clients++; !known {
		r.used[one.key] = one
		if one.partial() {
			r.partial++
		}
	}
	return &viewer{view: one, from: from}, nil
}

func (r *registry) release(one *viewer) {
	if one == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := (place{one.from, one.view}); one.partial() {
		if r.viewers[at]--; r.viewers[at] == 0 {
			delete(r.viewers, at)
			if r.shares[one.from]--; r.shares[one.from] == 0 {
				delete(r.shares, one.from)
			}
		}
	}
	if one.clients--; one.clients == 0 {
		delete(r.used, one.key)
		if one.partial() {
			r.partial--
		}
	}
}

func (r *registry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.used)
}

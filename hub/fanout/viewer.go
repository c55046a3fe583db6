package fanout

import (
	"log/slog"
	"net/netip"
	"sync"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// viewer is one client of a view.
type viewer struct {
	*view
	from  netip.Addr
	bases []base // where the view compares
}

// base is where a client stands in a stream.
type base struct {
	event *hub.Event // the last document that it took, told or not: what comes is compared with that
	told  hub.ID     // of the last that it was told: a difference names that
}

// base returns what a document is compared with, nil if the client has none of its
// stream, and the document that a difference names.
func (v *viewer) base(e *hub.Event) (before *hub.Event, told hub.ID) {
	if e.Kind() == hub.KindData {
		for _, base := range v.bases {
			if base.event.Stream() != e.Stream() {
				continue
			}
			if v.Mode == Full {
				return base.event, hub.ID{} // nothing is named, so what is told is the same for all
			}
			return base.event, base.told
		}
	}
	return nil, hub.ID{}
}

// took notes that the client took the event, and whether anything was told of it.
func (v *viewer) took(e *hub.Event, told bool) {
	if v == nil || !v.compares() {
		return
	}
	switch e.Kind() {
	case hub.KindReset:
		v.bases = nil
	case hub.KindData:
		for i := range v.bases {
			if v.bases[i].event.Stream() == e.Stream() {
				v.bases[i].event = e
				if told {
					v.bases[i].told = e.ID()
				}
				return
			}
		}
		v.bases = append(v.bases, base{e, e.ID()})
	case hub.KindStatus:
	}
}

// views are the views in use.
type views struct {
	limit  int // of those with fields
	keyOf  func(stream string) document.Pointer
	logger *slog.Logger

	mu      sync.Mutex
	used    map[string]*view
	partial int                // of these, the ones with fields
	viewers map[place]int      // clients of an address and a view with fields
	shares  map[netip.Addr]int // different views with fields of an address
}

func newViews(opts Options) views {
	return views{
		limit:   opts.MaxViews,
		keyOf:   opts.Key,
		logger:  opts.Logger,
		used:    make(map[string]*view),
		viewers: make(map[place]int),
		shares:  make(map[netip.Addr]int),
	}
}

// place is what an address has of the views.
type place struct {
	from netip.Addr
	view *view
}

// share returns how many different views with fields the clients of one address may
// have, so that no address has all: a quarter.
func (v *views) share() int { return max(v.limit/4, 1) }

// acquire makes a client of the address a viewer of the view that is wanted, nil for
// the zero View. Whoever is one must be released.
func (v *views) acquire(wanted View, named bool, from netip.Addr) (*viewer, error) {
	if wanted.Mode == Full && !wanted.Lines && len(wanted.Fields) == 0 {
		return nil, nil
	}
	fresh, err := newView(wanted, named)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	one, known := v.used[fresh.key]
	if !known {
		one = fresh
		one.keyOf, one.logger = v.keyOf, v.logger
	}
	at := place{from, one}
	if one.partial() {
		if !known && v.partial >= v.limit || v.viewers[at] == 0 && v.shares[from] >= v.share() {
			return nil, ErrTooManyViews
		}
		if v.viewers[at]++; v.viewers[at] == 1 {
			v.shares[from]++
		}
	}
	if one.clients++; !known {
		v.used[one.key] = one
		if one.partial() {
			v.partial++
		}
	}
	return &viewer{view: one, from: from}, nil
}

func (v *views) release(one *viewer) {
	if one == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if at := (place{one.from, one.view}); one.partial() {
		if v.viewers[at]--; v.viewers[at] == 0 {
			delete(v.viewers, at)
			if v.shares[one.from]--; v.shares[one.from] == 0 {
				delete(v.shares, one.from)
			}
		}
	}
	if one.clients--; one.clients == 0 {
		delete(v.used, one.key)
		if one.partial() {
			v.partial--
		}
	}
}

func (v *views) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.used)
}

package view

import (
	"net/netip"
	"slices"

	"github.com/polluxhub/pollux/hub"
)

// viewer is one client of a view.
type viewer struct {
	*view
	from   netip.Addr
	bases  []base // where the view compares
	stream string // whose template tells resets; "" without HTML
}

// base is what a client has of a stream.
type base struct {
	event *hub.Event // the last document that the client took, sent or not: the next one is compared with it
	sent  hub.ID     // the last document that was sent: a difference names it
}

// base returns the document with which a document is compared, nil if the client has
// none of the stream, and the ID that a difference names.
func (v *viewer) base(e *hub.Event) (before *hub.Event, sent hub.ID) {
	if e.Kind() == hub.KindData {
		for _, base := range v.bases {
			if base.event.Stream() != e.Stream() {
				continue
			}
			if v.Mode == Full {
				return base.event, hub.ID{} // it is not named, so all clients get the same
			}
			return base.event, base.sent
		}
	}
	return nil, hub.ID{}
}

// took notes that the client took the event, and whether anything of it was sent.
func (v *viewer) took(e *hub.Event, sent bool) {
	if v == nil || !v.compares() {
		return
	}
	switch e.Kind() {
	case hub.KindReset:
		v.forget(e.Stream())
	case hub.KindData:
		for i := range v.bases {
			if v.bases[i].event.Stream() == e.Stream() {
				v.bases[i].event = e
				if sent {
					v.bases[i].sent = e.ID()
				}
				return
			}
		}
		v.bases = append(v.bases, base{e, e.ID()})
	case hub.KindStatus:
		if e.IsLast() {
			v.forget(e.Stream())
		}
	}
}

// forget lets the next document of a stream come whole, or of each stream if the name is empty.
func (v *viewer) forget(stream string) {
	v.bases = slices.DeleteFunc(v.bases, func(b base) bool { return stream == "" || b.event.Stream() == stream })
}

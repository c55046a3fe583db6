package hub

// KeyDemand tells which keys of a stream exist, and how many clients listen to each.
// Its methods do not wait.
type KeyDemand interface {
	// Changed returns a channel that holds a value if Changes has something to return
	// that it did not return before. It may also hold a value without a change, but not
	// again and again.
	Changed() <-chan struct{}

	// Changes appends the changes since the last call to list: which keys have come,
	// got their first listener, lost their last one, or gone. The first call returns
	// every key that exists. Several changes of a key are one change, to the newest
	// state. Only a key that has gone and come back is told twice, first that it has
	// gone, because it has lost its history.
	Changes(list []KeyChange) []KeyChange

	// Newest returns the newest document of a key, by the name of its stream, or nil.
	Newest(name string) *Event

	// Listeners returns how many clients listen to a key now, by the name of its stream.
	Listeners(name string) int
}

// KeyChange is the newest state of a key.
type KeyChange struct {
	Name      string // of the stream, "prices/BTC"; it shares memory with the hub
	Exists    bool
	Listeners int // how many clients listen; a change is told only from 0 and to 0
}

// Keys returns the demand for the keys of a stream, for the use of one goroutine. It is
// valid as long as the hub has the stream, and replaces that of an earlier call, which
// tells nothing more. The error is ErrUnknownStream if the hub has no such stream with
// keys.
func (h *Hub) Keys(stream string) (KeyDemand, error) {
	f := h.set.Load().keyed[stream]
	if f == nil {
		return nil, unknownStream(stream)
	}
	d := &keyDemand{hub: h, family: f, changed: make(chan struct{}, 1), dirty: keyList{kind: dirtyLink}}
	h.mu.Lock()
	f.demand = d // from now on it is told of each change
	h.mu.Unlock()
	for s := range h.streams.all() {
		if s.family != f {
			continue
		}
		h.mu.Lock()
		if !s.removed.Load() && f.demand == d {
			f.mark(s)
		}
		h.mu.Unlock()
	}
	return d, nil
}

// keyDemand implements KeyDemand. It holds each key once, so it is bounded by the keys
// that exist and those that its owner knows.
type keyDemand struct {
	hub     *Hub
	family  *family
	changed chan struct{} // of capacity 1

	// Guarded by Hub.mu.
	gone  []string // keys that have ended, of which the owner was told that they exist
	dirty keyList  // keys with a change
}

var _ KeyDemand = (*keyDemand)(nil)

// mark notes that a key has come, or that its demand has changed. A dormant key has not
// come yet: nobody has asked for it since the start. The caller holds Hub.mu.
func (f *family) mark(s *stream) {
	d := f.demand
	if d == nil || s.dormant || s.links[dirtyLink].list == &d.dirty {
		return
	}
	s.unlink(dirtyLink) // it may be on the list of an earlier demand
	d.dirty.push(s)
	d.signal()
}

// forget notes that a key has ended. The caller holds Hub.mu.
func (f *family) forget(s *stream) {
	s.unlink(dirtyLink)
	if d := f.demand; d != nil && s.told == d {
		d.gone = append(d.gone, s.name)
		d.signal()
	}
}

func (d *keyDemand) signal() {
	select {
	case d.changed <- struct{}{}:
	default: // the last value has not been received yet
	}
}

func (d *keyDemand) Changed() <-chan struct{} { return d.changed }

func (d *keyDemand) Changes(list []KeyChange) []KeyChange {
	for more := true; more; {
		list, more = d.take(list)
	}
	return list
}

// take appends some of the changes, and reports whether there are more.
func (d *keyDemand) take(list []KeyChange) (taken []KeyChange, more bool) {
	d.hub.mu.Lock()
	defer d.hub.mu.Unlock()
	if d.family.demand != d {
		return list, false
	}
	for _, name := range d.gone {
		list = append(list, KeyChange{Name: name})
	}
	d.gone = nil
	for range atOnce {
		s := d.dirty.first
		if s == nil {
			return list, false
		}
		s.unlink(dirtyLink)
		s.told = d
		list = append(list, KeyChange{Name: s.name, Exists: true, Listeners: int(s.subscribers.Load())})
	}
	return list, true
}

func (d *keyDemand) Newest(name string) *Event {
	s := d.hub.streams.load(name)
	if s == nil {
		return nil
	}
	d.hub.mu.RLock()
	defer d.hub.mu.RUnlock()
	return s.history.newest()
}

// Listeners implements KeyDemand.
func (d *keyDemand) Listeners(name string) int {
	s := d.hub.streams.load(name)
	if s == nil {
		return 0
	}
	return max(0, int(s.subscribers.Load())) // it is negative for a key that has just ended
}

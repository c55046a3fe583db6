package hub

// keyList is a doubly linked list of keys through the keys themselves. A key is on one
// list of each kind at most. It has no lock of its own.
type keyList struct {
	kind        linkKind
	first, last *stream
}

// linkKind chooses one of the links of a key.
type linkKind uint8

const (
	idleLink linkKind = iota
	dirtyLink
	linkKinds
)

// keyLink is the place of a key on a list.
type keyLink struct {
	list           *keyList // nil if the key is on none
	previous, next *stream
}

// push puts a key that is on no list of this kind at the end.
func (l *keyList) push(s *stream) {
	s.links[l.kind] = keyLink{list: l, previous: l.last}
	if l.last == nil {
		l.first = s
	} else {
		l.last.links[l.kind].next = s
	}
	l.last = s
}

// unlink takes a key from its list of the kind, if it is on one.
func (s *stream) unlink(kind linkKind) {
	link := s.links[kind]
	if link.list == nil {
		return
	}
	if link.previous == nil {
		link.list.first = link.next
	} else {
		link.previous.links[kind].next = link.next
	}
	if link.next == nil {
		link.list.last = link.previous
	} else {
		link.next.links[kind].previous = link.previous
	}
	s.links[kind] = keyLink{}
}

package hub

import "strings"

// LastEventID is what a client sent as its Last-Event-ID, parsed. The zero value is
// that of a client that sent none.
type LastEventID struct {
	text string
	id   ID   // if the text has an ID
	more []ID // further IDs
}

// ParseLastEventID parses the text of a client, which may hold several IDs with commas
// between them, as proxies join headers. It never fails: with a text that has no ID the
// client gets a reset, see [SubscribeOptions].
func ParseLastEventID(text string) LastEventID {
	l := LastEventID{text: text}
	if !l.isList() {
		l.id, _ = ParseID(text) // an error leaves no ID
		return l
	}
	for part := range strings.SplitSeq(text, ",") {
		switch id, err := ParseID(strings.Trim(part, " \t")); {
		case err != nil:
		case l.id.IsZero():
			l.id = id
		default:
			l.more = append(l.more, id)
		}
	}
	return l
}

// IsZero reports whether the client sent none.
func (l LastEventID) IsZero() bool { return l.text == "" }

// String returns the text that the client sent.
func (l LastEventID) String() string { return l.text }

// ID returns the ID that the client sent, or the zero ID if it sent none or a list.
func (l LastEventID) ID() ID {
	if l.isList() {
		return ID{}
	}
	return l.id
}

func (l LastEventID) isList() bool { return strings.Contains(l.text, ",") }

// choose returns the ID after which to resume: of several, the greatest one of the epoch
// of head and up to head. Otherwise it is one that was not given out yet, or else one of
// another epoch. If there is no ID, the reason is ReasonInvalid.
func (l LastEventID) choose(head ID) (ID, ResetReason) {
	switch {
	case l.id.IsZero():
		return ID{}, ReasonInvalid
	case len(l.more) == 0:
		return l.id, ""
	}
	given, ahead, other := ID{}, ID{}, ID{}
	consider := func(id ID) {
		switch {
		case id.epoch != head.epoch:
			other = id
		case id.seq <= head.seq && (given.IsZero() || id.seq > given.seq):
			given = id
		case id.seq > head.seq && (ahead.IsZero() || id.seq < ahead.seq):
			ahead = id
		}
	}
	consider(l.id)
	for _, id := range l.more {
		consider(id)
	}
	for _, id := range []ID{given, ahead} {
		if !id.IsZero() {
			return id, ""
		}
	}
	return other, ""
}

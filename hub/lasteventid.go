package hub

import (
	"strings"
	"unique"
)

// LastEventID is what a client sent as its Last-Event-ID, parsed. The zero value is
// that of a client that sent none.
type LastEventID struct {
	text string
	ids  []ID // those of the text
}

// ParseLastEventID parses the text of a client, which may hold several IDs with commas
// between them, as proxies join headers. It never fails: with a text that has no ID the
// client gets a reset, see [SubscribeOptions].
func ParseLastEventID(text string) LastEventID {
	l := LastEventID{text: text}
	for part := range strings.SplitSeq(text, ",") {
		if l.isList() {
			part = strings.Trim(part, " \t")
		}
		if id, err := ParseID(part); err == nil {
			id.epoch = unique.Make(id.epoch).Value() // a client keeps it, and not the header
			l.ids = append(l.ids, id)
		}
	}
	return l
}

// LastEventID returns the ID as a client sends it to resume after the event.
func (id ID) LastEventID() LastEventID { return LastEventID{id.String(), []ID{id}} }

// IsZero reports whether the client sent none.
func (l LastEventID) IsZero() bool { return l.text == "" }

// String returns the text that the client sent.
func (l LastEventID) String() string { return l.text }

// ID returns the ID that the client sent, or the zero ID if it sent none or a list.
func (l LastEventID) ID() ID {
	if l.isList() || len(l.ids) == 0 {
		return ID{}
	}
	return l.ids[0]
}

func (l LastEventID) isList() bool { return strings.Contains(l.text, ",") }

// choose returns the ID after which to resume: of several, the greatest one of the epoch
// of head and up to head. Otherwise it is one that was not given out yet, or else one of
// another epoch. If there is no ID, the reason is ReasonInvalid.
func (l LastEventID) choose(head ID) (ID, ResetReason) {
	var given, ahead, other ID
	for _, id := range l.ids {
		switch {
		case id.epoch != head.epoch:
			other = id
		case id.seq <= head.seq && (given.IsZero() || id.seq > given.seq):
			given = id
		case id.seq > head.seq && (ahead.IsZero() || id.seq < ahead.seq):
			ahead = id
		}
	}
	for _, id := range []ID{given, ahead, other} {
		if !id.IsZero() {
			return id, ""
		}
	}
	return ID{}, ReasonInvalid
}

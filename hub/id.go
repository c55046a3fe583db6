package hub

import (
	"errors"
	"strconv"
	"strings"
)

// maxIDLen is the longest text of an ID, in bytes: an epoch of 18, a dash, and
// the 20 digits of the largest sequence number.
const (
	maxEpochLen = 18
	maxIDLen    = maxEpochLen + 1 + 20
)

// ErrInvalidID is returned by ParseID and NewID for what is no ID.
var ErrInvalidID = errors.New("hub: invalid event ID")

// ID is a position in the timeline of a log, in most cases that of an event:
// "<epoch>-<seq>" in text, ASCII, under 40 bytes. The epoch names one life of the
// log; sequence numbers of different epochs must never be compared. Sequence
// number 0 is the position before the first event. IDs are comparable with ==.
// The zero ID stands for no position.
type ID struct {
	epoch string
	seq   uint64
}

// NewID returns the ID with the given epoch and sequence number. It is meant
// for implementations of [Log]. An epoch is 1 to 18 ASCII letters and digits;
// anything else is ErrInvalidID. Events have sequence numbers from 1 upwards.
func NewID(epoch string, seq uint64) (ID, error) {
	if !validEpoch(epoch) {
		return ID{}, ErrInvalidID
	}
	return ID{epoch, seq}, nil
}

// ParseID is the inverse of [ID.String]. It accepts exactly the texts that
// String produces, and returns ErrInvalidID for every other.
func ParseID(text string) (ID, error) {
	if len(text) > maxIDLen {
		return ID{}, ErrInvalidID
	}
	epoch, digits, found := strings.Cut(text, "-")
	if !found || len(digits) > 1 && digits[0] == '0' {
		return ID{}, ErrInvalidID
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return ID{}, ErrInvalidID
	}
	return NewID(epoch, seq)
}

// choose returns the ID to resume from that a text names: of several with commas
// between, the greatest one that is a position of head's epoch, up to head. If there
// is none, it returns one that was not given out yet, or else one of another epoch;
// if there is none either, that the text is invalid.
func choose(text string, head ID) (ID, Reason) {
	if !strings.Contains(text, ",") {
		id, err := ParseID(text)
		if err != nil {
			return ID{}, ReasonInvalid
		}
		return id, ""
	}
	var given, ahead, other ID
	for part := range strings.SplitSeq(text, ",") {
		id, err := ParseID(strings.Trim(part, " \t"))
		switch {
		case err != nil:
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

// Epoch returns the life of the log that the ID belongs to.
func (id ID) Epoch() string { return id.epoch }

// Seq returns the ID's sequence number within its epoch: that of an event, or 0
// before the first one.
func (id ID) Seq() uint64 { return id.seq }

// IsZero reports whether id stands for no position.
func (id ID) IsZero() bool { return id.epoch == "" }

// String returns "<epoch>-<seq>", or "" for the zero ID.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return id.epoch + "-" + strconv.FormatUint(id.seq, 10)
}

func validEpoch(epoch string) bool {
	if len(epoch) == 0 || len(epoch) > maxEpochLen {
		return false
	}
	for i := range len(epoch) {
		if !isAlphanumeric(epoch[i]) {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

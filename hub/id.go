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

// ID is the place of an event in the timeline of a log: "<epoch>-<seq>" in
// text, ASCII, under 40 bytes. The epoch names one life of the log; sequence
// numbers of different epochs must never be compared. IDs are comparable with
// ==. The zero ID stands for no event.
type ID struct {
	epoch string
	seq   uint64
}

// NewID returns the ID with the given epoch and sequence number. It is meant
// for implementations of [Log]. An epoch is 1 to 18 ASCII letters and digits, a
// sequence number at least 1; anything else is ErrInvalidID.
func NewID(epoch string, seq uint64) (ID, error) {
	if !validEpoch(epoch) || seq == 0 {
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
	if !found || digits == "" || digits[0] < '1' || digits[0] > '9' {
		return ID{}, ErrInvalidID
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return ID{}, ErrInvalidID
	}
	return NewID(epoch, seq)
}

// Epoch returns the life of the log that the ID belongs to.
func (id ID) Epoch() string { return id.epoch }

// Seq returns the ID's sequence number within its epoch, from 1 upwards.
func (id ID) Seq() uint64 { return id.seq }

// IsZero reports whether id stands for no event.
func (id ID) IsZero() bool { return id == ID{} }

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

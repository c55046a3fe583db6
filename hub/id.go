package hub

import (
	"errors"
	"strconv"
	"strings"
)

// maxIDLen is the length of the longest ID as text, in bytes: an epoch of 18, a
// dash, and the 20 digits of the largest sequence number.
const (
	maxEpochLen = 18
	maxIDLen    = maxEpochLen + 1 + 20
)

// ErrInvalidID is returned by ParseID and NewID.
var ErrInvalidID = errors.New("hub: invalid event ID")

// ID is a position in the timeline of a log, usually that of an event. As text it is
// "<epoch>-<seq>", ASCII, under 40 bytes. An epoch is a period in which the log gives
// out rising sequence numbers; those of different epochs must never be compared.
// Sequence number 0 is the position before the first event. IDs can be compared with
// ==. The zero ID is not a position.
type ID struct {
	epoch string
	seq   uint64
}

// NewID returns the ID with the given epoch and sequence number. It is meant
// for implementations of [Log]. An epoch is 1 to 18 ASCII letters and digits;
// anything else is ErrInvalidID. Events have sequence numbers from 1 on.
func NewID(epoch string, seq uint64) (ID, error) {
	if !validEpoch(epoch) {
		return ID{}, ErrInvalidID
	}
	return ID{epoch, seq}, nil
}

// ParseID is the inverse of [ID.String]. It accepts exactly the texts that String
// returns for positions, and returns ErrInvalidID for any other.
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

// Epoch returns the epoch of the log to which the ID belongs.
func (id ID) Epoch() string { return id.epoch }

// Seq returns the sequence number within the epoch: that of an event, or 0 before
// the first one.
func (id ID) Seq() uint64 { return id.seq }

// IsZero reports whether id is not a position.
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

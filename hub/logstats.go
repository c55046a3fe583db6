package hub

import "time"

// LogStats is what a [Log] that outlives the process has counted since it was made, and
// what it has now. Where events are not stored now, Lag, Messages and Bytes are 0.
type LogStats struct {
	Stored   bool   // events are stored now
	Lag      uint64 // positions that were given out and that Tail has not told yet
	Messages uint64 // messages in the store: documents, statuses and what the log itself needs
	Bytes    uint64 // their size in the store

	Appended   uint64                // events stored
	AppendTime time.Duration         // how long that took in all
	Refused    map[LogRefusal]uint64 // events that Append refused
	Remembered uint64                // events that went on in memory instead, or waited there
	Failures   uint64                // how often it began to fail
	Conflicts  uint64                // attempts that were refused because of another publisher
	Superseded uint64                // events that were refused because another publisher had a newer one

	Missing uint64 // how often documents of a stream were missing
	Foreign uint64 // messages that are not of Pollux
	Broken  uint64 // messages of Pollux that are damaged
	Rebuilt uint64 // how often reading had to begin again
	Epochs  uint64 // epochs begun, in the store and in memory
	Trims   uint64 // requests to remove old events
}

// LogRefusal is why a log has refused an event.
type LogRefusal string

// The reasons.
const (
	LogRefusedFull        LogRefusal = "full"        // ErrLogFull
	LogRefusedUnavailable LogRefusal = "unavailable" // ErrLogUnavailable
	LogRefusedTooLarge    LogRefusal = "too_large"   // ErrTooLarge
	LogRefusedCanceled    LogRefusal = "canceled"    // the caller has given up
)

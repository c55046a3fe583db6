package hub

import (
	"encoding/json"
	"fmt"
	"time"
)

// State says how fresh the newest document of a stream is.
type State string

// The states of a stream. A stream without an upstream is always Live.
const (
	Live  State = "live"  // the upstream answers on schedule
	Stale State = "stale" // the upstream missed two intervals
	Down  State = "down"  // the upstream missed five intervals
)

// The classes of error that Pollux itself gives in a status. Others come from upstreams,
// see Status.Error.
const (
	ErrorRemoved    = "removed"    // the stream was removed
	ErrorOverloaded = "overloaded" // the server admits no further client
	ErrorDraining   = "draining"   // the server is about to end
	ErrorTemplate   = "template"   // the template of the stream does not fit the newest document, so clients of HTML have an older one
	ErrorExpired    = "expired"    // the token of the client is not valid any more
	ErrorLog        = "log"        // the log, which several servers share, is not heard, so there may be newer documents
	ErrorNotStored  = "not_stored" // the log stores nothing now, so what is told goes on in memory alone
)

// Status is the freshness of a stream. A client gets it as an event named status.
type Status struct {
	State State

	// Since is when the stream entered State.
	Since time.Time

	// LastSuccess is when the upstream last answered without an error; zero if
	// never.
	LastSuccess time.Time

	// Error is the class of the last failure, such as "timeout" or "http_503", see
	// [IsErrorClass]. It is empty if the last attempt succeeded. It is never the
	// text of an error.
	Error string
}

const maxErrorClassLen = 40

// IsErrorClass reports whether text can be the class of a failure: 1 to 40
// lower-case letters, digits and '_'.
func IsErrorClass(text string) bool {
	for i := range len(text) {
		if c := text[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(text) > 0 && len(text) <= maxErrorClassLen
}

func (s Status) check() error {
	switch s.State {
	case Live, Stale, Down:
	default:
		return fmt.Errorf("%w: state %q", ErrInvalidMessage, s.State)
	}
	if s.Error != "" && !IsErrorClass(s.Error) {
		return fmt.Errorf("%w: error class %.*q", ErrInvalidMessage, maxErrorClassLen, s.Error)
	}
	return nil
}

// Document returns the status as the JSON object that clients get. Times are RFC
// 3339 in UTC with milliseconds. An unknown value is null.
func (s Status) Document(stream string) ([]byte, error) {
	return json.Marshal(struct {
		Stream      string  `json:"stream"`
		State       State   `json:"state"`
		Since       *string `json:"since"`
		LastSuccess *string `json:"lastSuccess"`
		Error       *string `json:"error"`
	}{stream, s.State, FormatTime(s.Since), FormatTime(s.LastSuccess), nullable(s.Error)})
}

// parseStatus is the inverse of Document, to the millisecond.
func parseStatus(document []byte) Status {
	var text struct {
		State       State     `json:"state"`
		Since       time.Time `json:"since"`
		LastSuccess time.Time `json:"lastSuccess"`
		Error       string    `json:"error"`
	}
	if err := json.Unmarshal(document, &text); err != nil {
		return Status{} // which no document of a status is
	}
	return Status(text)
}

// TimeLayout is the layout of every time that Pollux sends: RFC 3339 with milliseconds.
// The time has to be in UTC.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime returns t in TimeLayout. The zero time gives nil, which is null in JSON.
func FormatTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format(TimeLayout)
	return &text
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

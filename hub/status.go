package hub

import (
	"encoding/json"
	"fmt"
	"time"
)

// State says how fresh the newest document of a stream is.
type State string

// The states of a stream. A stream that is only published to is always Live.
const (
	Live  State = "live"  // the upstream answers on schedule
	Stale State = "stale" // the upstream missed two intervals
	Down  State = "down"  // the upstream missed five intervals
)

// Status is the freshness of a stream. It travels as an "event: status".
type Status struct {
	State State

	// Since is when the stream entered State.
	Since time.Time

	// LastSuccess is when the upstream last answered well; zero if never.
	LastSuccess time.Time

	// Error is the class of the newest failure, such as "timeout" or
	// "http_503": lower-case letters, digits and '_', at most 40. It is empty
	// if the newest attempt succeeded. It never carries a text from inside.
	Error string
}

const maxErrorClassLen = 40

func (s Status) check() error {
	switch s.State {
	case Live, Stale, Down:
	default:
		return fmt.Errorf("%w: state %q", ErrInvalidMessage, s.State)
	}
	if len(s.Error) > maxErrorClassLen {
		return fmt.Errorf("%w: error class of %d bytes", ErrInvalidMessage, len(s.Error))
	}
	for i := range len(s.Error) {
		if c := s.Error[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fmt.Errorf("%w: error class %q", ErrInvalidMessage, s.Error)
		}
	}
	return nil
}

// Document returns the status as the JSON object that clients see. Times are
// RFC 3339 in UTC with milliseconds; what is not known is null.
func (s Status) Document(stream string) ([]byte, error) {
	return json.Marshal(struct {
		Stream      string  `json:"stream"`
		State       State   `json:"state"`
		Since       *string `json:"since"`
		LastSuccess *string `json:"lastSuccess"`
		Error       *string `json:"error"`
	}{stream, s.State, FormatTime(s.Since), FormatTime(s.LastSuccess), nullable(s.Error)})
}

// FormatTime returns t as every JSON text of Pollux shows a time: RFC 3339, UTC,
// milliseconds. The zero time is nil, which becomes null.
func FormatTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	return &text
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Package line has the lines of JSON by which one Pollux reads the timeline of another, see
// "POST /api/follow" in docs/protocol.md. They are the lines of application/x-ndjson streams,
// with more kinds of events. A reader ignores members and events that it does not know.
package line

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// The kinds of events. Message and status are those of each stream of lines.
const (
	Hello     = "hello"            // a Greeting; again when it changes
	Streams   = "streams"          // a list of Stream, before any of them begins, and when it changes
	Begin     = "begin"            // a Beginning; its documents follow as messages
	Message   = hub.MessageEvent   // a document
	Status    = hub.StatusEvent    // a change of freshness, which here has an ID
	Refused   = "refused"          // a Refusal
	Upstreams = "upstreams"        // a list of Upstream that have changed
	Heartbeat = hub.HeartbeatEvent // a Beat
)

// Line is any line.
type Line struct {
	Event  string          `json:"event"`
	ID     string          `json:"id,omitempty"`
	Stream string          `json:"stream,omitempty"`
	Time   string          `json:"time,omitempty"` // RFC 3339
	Data   json.RawMessage `json:"data,omitempty"`
}

// Request is the body of POST /api/follow.
type Request struct {
	Node  string   `json:"node,omitempty"`  // that of the reader
	After string   `json:"after,omitempty"` // the position up to which it has everything of the streams in Has
	Has   []string `json:"has,omitempty"`
	Want  []string `json:"want,omitempty"` // keys that somebody listens to, and plain streams
}

// Change is the body of POST /api/follow/SESSION.
type Change struct {
	Want   []string `json:"want,omitempty"`
	Unwant []string `json:"unwant,omitempty"`
}

// Greeting says who answers.
type Greeting struct {
	Session string   `json:"session"`
	Node    string   `json:"node"`
	Path    []string `json:"path"` // the nodes from here up to the one that polls, this one first
}

// Stream is what a reader has to know of a stream.
type Stream struct {
	Name         string `json:"name"`
	Polled       bool   `json:"polled"`
	OnDemand     bool   `json:"onDemand,omitempty"` // polled while somebody listens
	History      int    `json:"history,omitempty"`
	HistoryBytes int    `json:"historyBytes,omitempty"`
	Replay       string `json:"replay,omitempty"`
	ReplayEvents int    `json:"replayEvents,omitempty"`
	ReplayBytes  int    `json:"replayBytes,omitempty"`
	Key          string `json:"key,omitempty"` // see the setting key
	Keys         *Keys  `json:"keys,omitempty"`
	Template     string `json:"template,omitempty"` // see the setting template
}

// Keys are those of a stream with keys.
type Keys struct {
	Match string `json:"match"`
	Max   int    `json:"max,omitempty"`
}

// Beginning is the history of the stream that the line names. The next Count lines are its
// documents, and one more is its status if Status is set.
type Beginning struct {
	Lost   uint64 `json:"lost"`
	Count  int    `json:"count"`
	Status bool   `json:"status,omitempty"`
}

// Refusal says why the stream that the line names cannot be had.
type Refusal struct {
	Error string `json:"error"` // a class, as of a status
}

// Upstream is what is known of the source of a stream or key.
type Upstream struct {
	Name        string     `json:"name"`
	EveryMS     int64      `json:"everyMs"`
	State       hub.State  `json:"state"`
	Since       *time.Time `json:"since,omitempty"`
	LastSuccess *time.Time `json:"lastSuccess,omitempty"`
	NextPoll    *time.Time `json:"nextPoll,omitempty"`
	Error       string     `json:"error,omitempty"`
	Requests    uint64     `json:"requests"`
	Failures    uint64     `json:"failures"`
	Saved       uint64     `json:"saved"`
	Absent      int        `json:"absent,omitempty"`
	Idle        bool       `json:"idle,omitempty"`
	Connected   *bool      `json:"connected,omitempty"`

	NotBefore       *time.Time `json:"notBefore,omitempty"`
	NotBeforeReason string     `json:"notBeforeReason,omitempty"`
}

// Beat is a heartbeat, which comes once a second. The ID of its line is the position of the
// reader.
type Beat struct {
	Now  time.Time `json:"now"`            // by the clock of the one that polls, as far as it is known
	Head string    `json:"head"`           // the newest position of the one that answers
	Lost bool      `json:"lost,omitempty"` // it follows another one and does not hear it
}

// Append appends a line with data that are encoded as JSON.
func Append(to []byte, l Line, data any) ([]byte, error) {
	var err error
	if l.Data, err = json.Marshal(data); err != nil {
		return to, err
	}
	text, err := json.Marshal(l)
	return append(append(to, text...), '\n'), err
}

// AppendEvent appends the line of a document or of a status. The document stays as it is.
func AppendEvent(to []byte, e *hub.Event) []byte {
	kind := Message
	if e.Kind() == hub.KindStatus {
		kind = Status
	}
	to = append(append(to, `{"event":"`...), kind...)
	to = append(append(to, `","id":"`...), e.ID().String()...)
	to = append(append(to, `","stream":"`...), e.Stream()...) // names need no escapes
	to = append(e.Time().UTC().AppendFormat(append(to, `","time":"`...), time.RFC3339Nano), `","data":`...)
	return append(append(to, e.Data()...), '}', '\n')
}

// Decode returns the document or the status that a line has. The error says what is wrong with
// the line.
func (l *Line) Decode() (*hub.Event, error) {
	id, err := hub.ParseID(l.ID)
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339Nano, l.Time)
	if err != nil {
		return nil, fmt.Errorf("line: %w", err)
	}
	m := hub.Message{Stream: l.Stream, Data: l.Data}
	if l.Event == Status {
		var s struct {
			State              hub.State
			Since, LastSuccess *time.Time
			Error              *string
		}
		if err := json.Unmarshal(l.Data, &s); err != nil {
			return nil, fmt.Errorf("line: status: %w", err)
		}
		m.Data, m.Status = nil, &hub.Status{State: s.State, Since: value(s.Since), LastSuccess: value(s.LastSuccess)}
		if s.Error != nil {
			m.Status.Error = *s.Error
		}
	}
	return hub.NewEvent(id, at, m)
}

// UpstreamOf returns what a reader is told of an upstream.
func UpstreamOf(u hub.Upstream) Upstream {
	return Upstream{
		Name: u.Name, EveryMS: u.Every.Milliseconds(), State: u.State, Since: given(u.Since), LastSuccess: given(u.LastSuccess),
		NextPoll: given(u.NextPoll), Error: u.Error, Requests: u.Polls, Failures: u.Failed(), Saved: u.Saved, Absent: u.Absent, Idle: u.Idle,
		Connected: u.Connected, NotBefore: given(u.NotBefore), NotBeforeReason: u.NotBeforeReason,
	}
}

// Upstream is the inverse of UpstreamOf. All failures are of one class.
func (u Upstream) Upstream() hub.Upstream {
	return hub.Upstream{
		Name: u.Name, Every: time.Duration(u.EveryMS) * time.Millisecond,
		Status:   hub.Status{State: u.State, Since: value(u.Since), LastSuccess: value(u.LastSuccess), Error: u.Error},
		NextPoll: value(u.NextPoll), Polls: u.Requests, Failures: map[string]uint64{"error": u.Failures}, Saved: u.Saved, Absent: u.Absent, Idle: u.Idle,
		Connected: u.Connected, NotBefore: value(u.NotBefore), NotBeforeReason: u.NotBeforeReason,
	}
}

func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

func value(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
)

// streamList is the answer of GET /api/streams.
type streamList struct {
	Streams []streamInfo `json:"streams"`
}

// streamInfo is one stream in that answer. A member that does not apply is null.
type streamInfo struct {
	Name        string    `json:"name"`
	State       hub.State `json:"state"`
	Since       *string   `json:"since"`
	Every       *string   `json:"every"` // null: only published to
	Clients     int       `json:"clients"`
	Events      uint64    `json:"events"`
	LastEventID *string   `json:"lastEventId"`
	LastSuccess *string   `json:"lastSuccess"`
	NextPoll    *string   `json:"nextPoll"`
	Requests    uint64    `json:"requests"`
	Failures    uint64    `json:"failures"`
	Error       *string   `json:"error"`

	Age           *float64 `json:"age"` // seconds since lastSuccess, to the millisecond
	RequestsSaved uint64   `json:"requestsSaved"`
	Idle          bool     `json:"idle"`
}

// streams answers GET /api/streams with all streams, sorted by name.
func (s *server) streams(c echo.Context) error {
	upstreams := make(map[string]hub.Upstream)
	for _, u := range s.Upstreams() {
		upstreams[u.Name] = u
	}
	stats := s.Hub.Stats()
	list := make([]streamInfo, 0, len(stats.Streams))
	for _, stream := range stats.Streams {
		info := streamInfo{
			Name:        stream.Name,
			State:       hub.Live,
			Clients:     stream.Subscribers,
			Events:      stream.Events,
			LastEventID: nullable(stream.LastEventID.String()),
		}
		if u, polled := upstreams[stream.Name]; polled {
			info.State = u.State
			info.Since = hub.FormatTime(u.Since)
			info.Every = nullable(u.Every.String())
			info.LastSuccess = hub.FormatTime(u.LastSuccess)
			info.NextPoll = hub.FormatTime(u.NextPoll)
			info.Requests = u.Polls
			info.Failures = u.Failed()
			info.Error = nullable(u.Error)
			info.Age = age(u.LastSuccess)
			info.RequestsSaved = u.Saved
			info.Idle = u.Idle
		}
		list = append(list, info)
	}
	return answerJSON(c, http.StatusOK, streamList{list})
}

// age returns the seconds since a time, or nil for the zero time. It is never negative,
// even if the clock was set back.
func age(since time.Time) *float64 {
	if since.IsZero() {
		return nil
	}
	seconds := float64(max(time.Since(since), 0).Milliseconds()) / 1000
	return &seconds
}

func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

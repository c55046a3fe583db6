package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
)

// streamList is the answer of GET /api/streams.
type streamList struct {
	nodesInfo
	Streams []streamInfo `json:"streams"`
}

// streamInfo is one stream in that answer. A member that does not apply is null, and so is
// what a caller may not know that can read some keys of a stream and not all.
type streamInfo struct {
	Name        string    `json:"name"`
	State       hub.State `json:"state"`
	Since       *string   `json:"since"`
	Every       *string   `json:"every"` // null: only published to
	Clients     *int      `json:"clients"`
	Events      *uint64   `json:"events"`
	LastEventID *string   `json:"lastEventId"`
	LastSuccess *string   `json:"lastSuccess"`
	NextPoll    *string   `json:"nextPoll"`
	Requests    *uint64   `json:"requests"`
	Failures    *uint64   `json:"failures"`
	Error       *string   `json:"error"`

	Age           *float64 `json:"age"` // seconds since lastSuccess, to the millisecond
	RequestsSaved *uint64  `json:"requestsSaved"`
	Idle          bool     `json:"idle"`
	Waiting       bool     `json:"waiting"` // no answer of the upstream has been a success yet

	Connected *bool `json:"connected,omitempty"` // of a stream that follows an event stream: whether there is a connection

	NotBefore       *string `json:"notBefore"`          // until when the upstream wants not to be asked
	NotBeforeReason *string `json:"notBeforeReason"`    // the header by which it said so
	PolledBy        *string `json:"polledBy,omitempty"` // the node of several that polls the stream

	Keys *keysInfo `json:"keys,omitempty"` // of a stream with keys, whose other members are sums
}

// keysInfo is what all keys of a stream have in common, and how many there are.
type keysInfo struct {
	Match   string `json:"match"`
	Max     int    `json:"max"`
	Count   *int   `json:"count"`
	Watched *int   `json:"watched"`
	Absent  *int   `json:"absent"`
}

// newKeysInfo returns what the hub and the poller know of the keys of a stream.
func newKeysInfo(k hub.KeyStream, stats hub.StreamStats, u hub.Upstream) *keysInfo {
	return &keysInfo{Match: k.Pattern, Max: k.Max, Count: &stats.Keys, Watched: &stats.Watched, Absent: &u.Absent}
}

// streams answers GET /api/streams with all streams that the caller may see, sorted by name. A stream with keys
// is in the list, but its keys are not. With ?stream=NAME it answers with that stream,
// or with that key.
func (s *server) streams(c echo.Context) error {
	asked, err := streamsRoute.parse(c.Request())
	if err != nil {
		return err
	}
	if name := asked.Get("stream"); name != "" {
		if err := s.authorizeRead(c, name); err != nil {
			return err
		}
		return s.oneStream(c, name)
	}
	if err := s.authorizeList(c); err != nil {
		return err
	}
	upstreams := make(map[string]hub.Upstream)
	for _, u := range s.Upstreams() {
		upstreams[u.Name] = u
	}
	keyed := make(map[string]hub.KeyStream)
	for _, k := range s.Hub.KeyStreams() {
		keyed[k.Name] = k
	}
	stats := s.Hub.Stats()
	list := make([]streamInfo, 0, len(stats.Streams))
	for _, stream := range stats.Streams {
		_, isKeyed := keyed[stream.Name]
		if !s.visible(c, stream.Name, isKeyed) {
			continue
		}
		info := newStreamInfo(stream)
		u, polled := upstreams[stream.Name]
		if polled {
			info.poll(u, s.Hub.Now())
		}
		if k, ok := keyed[stream.Name]; ok {
			info.Keys = newKeysInfo(k, stream, u)
			if !s.visible(c, stream.Name, false) && !s.visibleWhole(c, stream.Name) {
				info.hideSums()
			}
		}
		list = append(list, info)
	}
	return answerJSON(c, http.StatusOK, streamList{s.nodes(c, ""), list})
}

// oneStream answers GET /api/streams?stream=NAME.
func (s *server) oneStream(c echo.Context, name string) error {
	stats, err := s.Hub.StreamStats(name)
	if err != nil && s.known(name) {
		p := s.unknownStream(c, name)
		p.Detail = "Nobody listens to that key now."
		return p
	}
	if err != nil {
		return s.unknownStream(c, name)
	}
	info := newStreamInfo(stats)
	u, polled := s.UpstreamOf(name)
	if polled {
		info.poll(u, s.Hub.Now())
	}
	if keyed, ok := s.keyStream(name); ok && keyed.Name == name {
		info.Keys = newKeysInfo(keyed, stats, u)
	}
	return answerJSON(c, http.StatusOK, streamList{s.nodes(c, name), []streamInfo{info}})
}

// newStreamInfo returns what the hub knows of a stream.
func newStreamInfo(stream hub.StreamStats) streamInfo {
	return streamInfo{
		Name:        stream.Name,
		State:       hub.Live,
		Clients:     &stream.Subscribers,
		Events:      &stream.Events,
		LastEventID: nullable(stream.LastEventID.String()),

		Requests: new(uint64), Failures: new(uint64), RequestsSaved: new(uint64),
	}
}

// visibleWhole reports whether the token of the caller allows every key of a stream.
func (s *server) visibleWhole(c echo.Context, name string) bool {
	grant, _ := c.Get(grantKey).(auth.Grant)
	return grant.Subscribe.Cover(name+"/") || grant.Publish.Cover(name+"/")
}

// hideSums keeps only what all keys of a stream have in common: the bearer of a token for one
// key must not learn how many others there are, and what happens there.
func (info *streamInfo) hideSums() {
	*info = streamInfo{Name: info.Name, State: info.State, Every: info.Every, Keys: &keysInfo{Match: info.Keys.Match, Max: info.Keys.Max}}
}

// poll adds what the poller knows of the stream.
func (info *streamInfo) poll(u hub.Upstream, now time.Time) {
	info.State = u.State
	info.Since = hub.FormatTime(u.Since)
	info.Every = nullable(u.Every.String())
	info.LastSuccess = hub.FormatTime(u.LastSuccess)
	info.NextPoll = hub.FormatTime(u.NextPoll)
	info.Requests = &u.Polls
	info.Failures = new(u.Failed())
	info.Error = nullable(u.Error)
	info.Age = age(u.LastSuccess, now)
	info.RequestsSaved = &u.Saved
	info.Idle = u.Idle
	info.Waiting = u.LastSuccess.IsZero()
	info.Connected = u.Connected
	info.NotBefore = hub.FormatTime(u.NotBefore)
	info.NotBeforeReason = nullable(u.NotBeforeReason)
	info.PolledBy = nullable(u.Node)
}

// age returns the seconds from a time to now, or nil for the zero time. It is never negative,
// even if the clock was set back.
func age(since, now time.Time) *float64 {
	if since.IsZero() {
		return nil
	}
	return new(seconds(max(now.Sub(since), 0)))
}

// seconds returns a time in seconds, to the millisecond.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// parseStream reads what the client asked for. Empty parameters count as not
// given, and a Last-Event-ID is never an error: the hub answers it with a reset
// if need be.
func (s *server) parseStream(r *http.Request) (fanout.Request, error) {
	var req fanout.Request
	query, err := streamRoute.parse(r)
	if err != nil {
		return req, err
	}
	req.LastEventID = lastEventID(r.Header, query)
	if req.Streams, err = s.streamNames(query, req.LastEventID != ""); err != nil {
		return req, err
	}
	if text := query.Get("limit"); text != "" {
		req.Limit, err = strconv.Atoi(text)
		if err != nil || req.Limit < 1 {
			return req, newProblem(http.StatusBadRequest, "limit must be a whole number from 1 upwards.")
		}
	}
	switch query.Get("heartbeat") {
	case "", "comment":
	case "event":
		req.HeartbeatEvent = true
	default:
		return req, newProblem(http.StatusBadRequest, "heartbeat must be event or comment.")
	}
	if req.Since, err = since(query.Get("since"), time.Now()); err != nil {
		return req, err
	}
	req.View, err = parseView(r.Header, query)
	return req, err
}

// since returns the time that the text names: as RFC 3339 has it, or so long ago.
func since(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	// A plus that was not written as %2B has become a space.
	at, err := time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	if err != nil || at.IsZero() {
		return at, newProblem(http.StatusBadRequest, "since must be a time such as 2026-01-31T12:00:00Z, or how long ago, such as 10m.")
	}
	return at, nil
}

// parseView returns the shape in which the client wants the documents.
func parseView(header http.Header, query url.Values) (fanout.View, error) {
	view := fanout.View{Lines: wantsLines(header)}
	if text := query.Get("mode"); text != "" {
		var known bool
		if view.Mode, known = fanout.ParseMode(text); !known {
			return view, newProblem(http.StatusBadRequest, "mode must be full, patch or merge.")
		}
	}
	view.Fields = fields(query)
	return view, nil
}

// fields returns the JSON Pointers in "/a,/b/c" or in repeated parameters.
func fields(query url.Values) []string {
	var pointers []string
	for _, value := range query["fields"] {
		for field := range strings.SplitSeq(value, ",") {
			if field != "" {
				pointers = append(pointers, field)
			}
		}
	}
	return pointers
}

// lastEventID returns where the client wants to resume. The header wins, because
// EventSource repeats the query of its first request for ever. Several fields of
// that name are joined by commas, as RFC 9110 section 5.3 says: the hub finds the
// one that counts.
func lastEventID(header http.Header, query url.Values) string {
	if id := strings.Join(header.Values("Last-Event-ID"), ","); id != "" {
		return id
	}
	return query.Get("last_event_id")
}

// streamNames returns the names in "a,b" or in repeated parameters, each once.
// No name means the default stream. Every name is that of a stream, or could be
// one, so none of them can carry anything into an answer or a log.
//
// Who resumes may name streams that were removed since, beside one that is there:
// EventSource repeats the names of its first request for ever, and would give up
// at a 404.
func (s *server) streamNames(query url.Values, resumes bool) ([]string, error) {
	var names []string
	known := false
	for _, value := range query["stream"] {
		for name := range strings.SplitSeq(value, ",") {
			if name == "" {
				continue
			}
			isKnown := s.known(name)
			if !isKnown && (!resumes || hub.CheckStream(name) != nil) {
				return nil, s.unknownStream()
			}
			known = known || isKnown
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			if len(names) > hub.MaxStreamsPerSubscription {
				return nil, newProblem(http.StatusBadRequest, "At most %d streams on one connection.", hub.MaxStreamsPerSubscription)
			}
		}
	}
	if len(names) > 0 && !known || len(names) == 0 && !s.known(hub.DefaultStream) {
		return nil, s.unknownStream()
	}
	return names, nil
}

func (s *server) known(name string) bool { return s.Hub.HasStream(name) }

func (s *server) unknownStream() *problem {
	p := newProblem(http.StatusNotFound, "There is no such stream.")
	p.Streams = s.Hub.StreamNames()
	return p
}

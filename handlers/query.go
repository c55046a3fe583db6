package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/fanout/view"
)

// parseStream parses a request for GET /api/sse. Empty parameters count as missing. An
// invalid Last-Event-ID is not an error: the hub answers it with a reset. The error is
// errTooManyConnects if the address of the caller asks too often. That is judged before its
// token, so that guessing counts, and a ticket can be used later.
func (s *server) parseStream(c echo.Context) (fanout.Request, error) {
	r := c.Request()
	var req fanout.Request
	query, err := streamRoute.parse(r)
	if err != nil {
		return req, err
	}
	req.LastEventID = lastEventID(r.Header, query)
	req.SkipUnknown = !req.LastEventID.IsZero() || wantsStream(r.Header)
	req.Address = s.address(r)
	if err := s.admitConnect(req.Address); err != nil {
		req.Streams, req.HeartbeatEvent = validNames(query), query.Get("heartbeat") == "event"
		req.View.HTML = query.Get("format") == formatHTML
		return req, err
	}
	asked, err := s.streamNames(c, query, req.SkipUnknown)
	if err != nil {
		return req, err
	}
	req.Streams, req.Hidden, req.Until = asked.names, asked.hidden, asked.may
	if req.Fresh, err = freshNames(query, req.Streams); err != nil {
		return req, err
	}
	var known bool
	if req.Replay, known = hub.ParseReplay(query.Get("replay")); !known {
		return req, newProblem(http.StatusBadRequest, "replay must be all, auto or latest.")
	}
	if text := query.Get("limit"); text != "" {
		req.Limit, err = strconv.Atoi(text)
		if err != nil || req.Limit < 1 {
			return req, newProblem(http.StatusBadRequest, "limit must be a whole number, at least 1.")
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
	if req.View, err = parseView(r.Header, query); err != nil || !req.View.HTML {
		return req, err
	}
	return req, s.needTemplates(req)
}

// since parses a time: RFC 3339, or a duration before now.
func since(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	// Decoding the query made a plus that was not written as %2B a space.
	at, err := time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	if err != nil || at.IsZero() {
		return at, newProblem(http.StatusBadRequest, "since must be a time, such as 2026-01-31T12:00:00Z, or a duration, such as 10m.")
	}
	return at, nil
}

// parseView parses the form in which the client wants the documents.
func parseView(header http.Header, query url.Values) (view.View, error) {
	wanted := view.View{Lines: wantsLines(header)}
	if text := query.Get("mode"); text != "" {
		var known bool
		if wanted.Mode, known = view.ParseMode(text); !known {
			return wanted, newProblem(http.StatusBadRequest, "mode must be full, patch or merge.")
		}
	}
	wanted.Fields = fields(query)
	format, err := parseFormat(query)
	switch {
	case err != nil:
		return wanted, err
	case format != formatHTML:
		return wanted, nil
	case wanted.Mode != view.Full || len(wanted.Fields) > 0:
		return wanted, newProblem(http.StatusBadRequest, "format=html goes with neither mode nor fields: the template chooses what of a document is shown.")
	case wanted.Lines:
		return wanted, newProblem(http.StatusNotAcceptable, "format=html is %s, which has to be as welcome in Accept as %s.", streamType, linesType)
	}
	wanted.HTML = true
	return wanted, nil
}

// fields returns the JSON Pointers of the parameter fields.
func fields(query url.Values) []string { return entries(query, "fields") }

// entries returns the entries of a parameter that is a list.
func entries(query url.Values, name string) []string {
	var all []string
	for _, value := range query[name] {
		for entry := range strings.SplitSeq(value, ",") {
			if entry != "" {
				all = append(all, entry)
			}
		}
	}
	return all
}

// freshNames returns the names of the parameter fresh, which are some of those of the
// parameter stream: the streams of which a client that resumes has nothing yet.
func freshNames(query url.Values, streams []string) ([]string, error) {
	fresh := entries(query, "fresh")
	if len(streams) == 0 {
		streams = []string{hub.DefaultStream}
	}
	for _, name := range fresh {
		if !slices.Contains(streams, name) {
			return nil, newProblem(http.StatusBadRequest, "fresh must have names that stream has too.")
		}
	}
	slices.Sort(fresh)
	return slices.Compact(fresh), nil
}

// lastEventID returns the position at which the client wants to resume. The header
// wins, because an EventSource repeats the query of its first request with each
// request. Repeated headers are joined with commas, as RFC 9110 section 5.3 says, and
// the hub picks the ID that counts.
func lastEventID(header http.Header, query url.Values) hub.LastEventID {
	if id := strings.Join(header.Values("Last-Event-ID"), ","); id != "" {
		return hub.ParseLastEventID(id)
	}
	return hub.ParseLastEventID(query.Get("last_event_id"))
}

// asked are the streams that a request asks for.
type asked struct {
	names  []string // valid ones, each once; none means the default stream
	hidden []string // those of them that the caller may not read
	may    until    // what it may read, and until when
}

// streamNames returns the names of the parameter stream, each once. Each name is a valid
// one, so none can inject anything into an answer or a log. Whether a name is known does
// not matter before the caller is allowed to know it.
//
// With skipUnknown they may be unknown or hidden from the caller, which makes no difference
// to it, beside at least one other stream: an EventSource gives up at a 404 or 403, so that
// one wrong key would cost it all other streams, and it repeats the names of its first
// request although streams may have been removed since.
func (s *server) streamNames(c echo.Context, query url.Values, skipUnknown bool) (asked, error) {
	var a asked
	for _, name := range entries(query, "stream") {
		if !slices.Contains(a.names, name) {
			a.names = append(a.names, name)
		}
		if len(a.names) > hub.MaxStreamsPerSubscription {
			return a, newProblem(http.StatusBadRequest, "A connection can have at most %d streams.", hub.MaxStreamsPerSubscription)
		}
	}
	wanted := a.names
	if len(wanted) == 0 {
		wanted = []string{hub.DefaultStream}
	}
	var err error
	if a.hidden, a.may, err = s.authorize(c, query.Get("ticket"), wanted, skipUnknown); err != nil {
		return a, err
	}
	if slices.ContainsFunc(a.hidden, func(name string) bool { return hub.CheckName(name) != nil }) {
		return a, s.unknownStream(c, "")
	}
	readable := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return slices.Contains(a.hidden, name) })
	for _, name := range readable {
		if !s.known(name) && (!skipUnknown || hub.CheckName(name) != nil) {
			return a, s.unknownStream(c, name)
		}
	}
	if !slices.ContainsFunc(readable, s.known) {
		return a, s.unknownStream(c, readable[0])
	}
	return a, nil
}

// validNames returns the names of the parameter stream that a stream could have, for a caller
// whose right to know them is not looked at.
func validNames(query url.Values) []string {
	names := slices.DeleteFunc(entries(query, "stream"), func(name string) bool { return hub.CheckName(name) != nil })
	return names[:min(len(names), hub.MaxStreamsPerSubscription)]
}

// known reports whether clients can subscribe to a name. The hub takes an empty name for
// the default stream, but a client has to name it.
func (s *server) known(name string) bool { return name != "" && s.Hub.Takes(name) }

// unknownStream returns the problem for a name that no stream has. The name is not quoted.
func (s *server) unknownStream(c echo.Context, name string) *problem {
	p := newProblem(http.StatusNotFound, "No stream has that name.")
	if keyed, ok := s.keyStream(name); ok {
		p.Detail += " Keys of " + keyed.Name + " match " + keyed.Pattern + "."
	}
	p.Streams = s.visibleNames(c)
	return p
}

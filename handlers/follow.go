package handlers

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/followlog/line"
)

// Following says what this server is for those that follow it.
type Following struct {
	// Node is the name of this process, and Path those of the nodes from this one up to the
	// one that polls.
	Node string
	Path []string

	// Lost says that this server follows another one and does not hear it.
	Lost bool
}

// maxFollowRequest bounds the bodies of followers: they name keys.
const maxFollowRequest = 4 << 20

// maxUnheard is how many changes of what a follower wants may wait for it, beside those of one
// request: it hears them when it reads, and it may read slowly.
const maxUnheard = 100_000

// sessions are the followers that read now, by a name that only the follower knows. The zero
// value is ready to use.
type sessions struct {
	mu   sync.Mutex
	open map[string]*session
}

// session is one follower.
type session struct {
	server   *server
	follower *hub.Follower
	may      mayRead
	until    func() time.Time // the follower may stay; zero is for ever
	counts   bool             // its new keys count as those of a client

	mu      sync.Mutex
	wanted  map[string]bool
	refused []refusedStream // to be told
	unheard int             // changes since the follower was told the last time
}

type refusedStream struct{ name, class string }

// follow answers POST /api/follow: everything that the caller may read, in one stream of
// lines, until one of the two ends it.
func (s *server) follow(c echo.Context) error {
	address := s.address(c.Request())
	if err := s.admitConnect(address); err != nil {
		return s.refuseToWait(c, err)
	}
	review := s.Engine.ReviewBegins() // before the caller is judged
	may, until, err := s.authorizeFollow(c)
	if err != nil {
		return err
	}
	var asked line.Request // which may be large, so it is not read for others
	if err := s.readFollow(c, &asked); err != nil {
		return err
	}
	if here := s.Following(); asked.Node != "" && slices.Contains(here.Path, asked.Node) {
		return newProblem(http.StatusConflict, "The node %s would follow itself: this server follows it, directly or by others.", asked.Node)
	}
	var after hub.ID
	if asked.After != "" {
		if after, err = hub.ParseID(asked.After); err != nil {
			return newProblem(http.StatusBadRequest, "after must be the ID of an event.")
		}
	}
	release, err := s.Engine.Admit(c.Request().Context(), address)
	if err != nil {
		return s.refuseToWait(c, err)
	}
	defer release()
	if err := unbounded(c); err != nil {
		return err
	}
	one := &session{server: s, may: may, until: until, counts: s.Tokens == nil, wanted: map[string]bool{}}
	out := &followStream{session: one, expires: until(), review: review, told: map[string]line.Upstream{}}
	one.follower = s.Hub.Follow(hub.FollowOptions{After: after, Has: asked.Has, Sees: func(name string) bool { return out.known[name] }})
	defer one.follower.Close()
	name := rand.Text()
	s.sessions.add(name, one)
	defer s.sessions.remove(name)
	one.change(line.Change{Want: asked.Want}, fanout.Site(address))
	return out.run(c, name)
}

// changeFollow answers POST /api/follow/SESSION: which keys the follower wants.
func (s *server) changeFollow(c echo.Context) error {
	one := s.sessions.get(c.Param("session"))
	if one == nil {
		return newProblem(http.StatusNotFound, "There is no such follower here.")
	}
	var change line.Change
	if err := s.readFollow(c, &change); err != nil {
		return err
	}
	if !one.change(change, fanout.Site(s.address(c.Request()))) {
		setRetryAfter(c.Response().Header(), retrySoon)
		return newProblem(http.StatusServiceUnavailable, "The reader has not heard yet what it has wanted before.")
	}
	return c.NoContent(http.StatusNoContent)
}

// readFollow reads a body of JSON. Members that are not known are ignored.
func (s *server) readFollow(c echo.Context, into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, c.Request().Body, maxFollowRequest))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return newProblem(http.StatusRequestEntityTooLarge, "The body must have at most %d bytes.", maxFollowRequest)
	case err != nil:
		return newProblem(http.StatusBadRequest, "The body ended early.")
	case json.Unmarshal(body, into) != nil:
		return newProblem(http.StatusBadRequest, "The body must be a JSON object as in the protocol.")
	}
	return nil
}

// authorizeFollow returns what the caller may read, by the name of a stream or of a key, and
// until when; zero means for ever. Both tell what is so when they are called. It may know of a
// stream with keys if it may read one of them. A caller that may read nothing gets a problem.
func (s *server) authorizeFollow(c echo.Context) (may mayRead, until func() time.Time, err error) {
	open := func(name string) bool { return !s.Guarded(name) }
	always := func() time.Time { return time.Time{} }
	if s.Tokens == nil {
		return func(string, bool) bool { return true }, always, nil
	}
	_, missing := s.tokenOf(c.Request())
	if missing != nil && slices.ContainsFunc(s.Followed(), func(one line.Stream) bool { return open(one.Name) }) {
		return func(name string, _ bool) bool { return open(name) }, always, nil
	}
	grant, err := s.authenticate(c, "")
	if err != nil {
		return nil, nil, err
	}
	may = func(name string, keyed bool) bool {
		now, _ := s.Tokens.Renew(grant) // which allows nothing once it has ended
		return open(name) || now.Subscribe.Match(name) || keyed && now.Subscribe.Touch(name+"/")
	}
	until = func() time.Time {
		now, ok := s.Tokens.Renew(grant)
		if !ok {
			return time.Now()
		}
		return now.Expires
	}
	return may, until, nil
}

// mayRead reports whether a caller may read a plain stream or a key, or one of the keys of a
// stream with keys.
type mayRead func(name string, keyed bool) bool

func (l *sessions) add(name string, one *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[string]*session{}
	}
	l.open[name] = one
}

func (l *sessions) remove(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, name)
}

func (l *sessions) get(name string) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[name]
}

// change passes on what the follower wants. What it must not have, it is told later. It returns
// false if too many changes wait for the follower, and then does nothing.
func (o *session) change(change line.Change, site netip.Addr) bool {
	most := o.server.mostWanted()
	o.mu.Lock()
	defer o.mu.Unlock()
	changes := len(change.Unwant) + len(change.Want)
	if o.unheard > 0 && o.unheard+changes > maxUnheard {
		return false
	}
	o.unheard += changes
	for _, name := range change.Unwant {
		delete(o.wanted, name)
		o.follower.Want(name, false)
	}
	for _, name := range change.Want {
		_, key := hub.SplitName(name)
		switch {
		case !o.may(name, false):
			o.refused = append(o.refused, refusedStream{name, "forbidden"})
		case !o.wanted[name] && len(o.wanted) >= most:
			o.refused = append(o.refused, refusedStream{name, hub.ErrorOverloaded})
		case key != "" && o.counts && !o.server.Hub.HasStream(name) && !o.server.callers.keys.allows(site, 1):
			o.refused = append(o.refused, refusedStream{name, hub.ErrorOverloaded})
		default:
			o.wanted[name] = true
			o.follower.Want(name, true)
		}
	}
	return true
}

// mostWanted returns how many streams and keys a follower may want: as many as there can be.
func (s *server) mostWanted() int {
	most := len(s.Hub.StreamNames())
	for _, keyed := range s.Hub.KeyStreams() {
		most += keyed.Max
	}
	return most
}

// lacks reports whether the follower may not read a key any more that it wants.
func (o *session) lacks() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name := range o.wanted {
		if !o.may(name, false) {
			return true
		}
	}
	return false
}

// takeRefused returns what the follower was not told yet.
func (o *session) takeRefused() []refusedStream {
	o.mu.Lock()
	defer o.mu.Unlock()
	refused := o.refused
	o.refused, o.unheard = nil, 0
	return refused
}

// streamsOf returns what a hub knows of its streams.
func streamsOf(h *hub.Hub) []line.Stream {
	list := []line.Stream{}
	for _, name := range h.StreamNames() {
		list = append(list, line.Stream{Name: name})
	}
	for _, keyed := range h.KeyStreams() {
		list = append(list, line.Stream{Name: keyed.Name, Keys: &line.Keys{Match: keyed.Pattern, Max: keyed.Max}})
	}
	return list
}

// forward has another server answer. What the caller may do is for that one to say.
func (s *server) forward(c echo.Context) error {
	release, err := s.shareForBody(c)
	if errors.Is(err, context.Canceled) {
		return nil // the client is gone
	}
	if err != nil {
		return err
	}
	defer release()
	s.Forward.ServeHTTP(c.Response(), c.Request())
	return nil
}

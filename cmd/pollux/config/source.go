package config

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// stream reads one entry of streams.
func (r *reader) stream(n *node, c *Config) Stream {
	before := len(r.seen)
	t := r.table(n, &ofStream, place{&top, "to the top of the file"})
	t.inherit()
	s := Stream{}
	t.source(&s)
	t.refuseIdle(&s)
	t.fill(&s, func(d *Setting) bool {
		return s.has(d.Of) || d.Of == "push" // which is refused already if the stream is known to be polled
	})
	s.Name = t.name()
	s.Keys = t.keyMapping(&s)
	s.OAuth2 = t.oauth2()
	s.Login = t.login()
	t.request(&s)
	t.places(&s)
	t.schedule(&s)
	t.reach(&s, c)
	t.guarded(s.Access, " here")
	if r.options.Judge != nil && len(r.seen) == before {
		r.addEach(n, s.Name, r.options.Judge(&s))
	}
	return s
}

// has reports whether settings with the tag of:"VALUE" apply to the stream.
func (s *Stream) has(of string) bool {
	switch of {
	case "request":
		return !s.Push && !s.Mock
	case "poll":
		return !s.Push
	case "push":
		return s.Push
	default:
		return true
	}
}

// name returns the name of the stream, which must be unique in the file.
func (t *table) name() string {
	if !t.has("name") {
		t.add(t.at.line, t.at.column, "a stream without a name, want for example name: prices")
		return ""
	}
	v, ok := t.text("name")
	if t.unknown("name") {
		return fmt.Sprintf("unknown-%d-%d", t.at.line, t.at.column)
	}
	if !ok {
		return ""
	}
	if hub.IsEventType(v.text) {
		t.wrong(v, "the name is taken by an event type, and with several streams that of a stream is one too: want another one, for example %s-1", v.text)
		return ""
	}
	if err := hub.CheckStream(v.text); err != nil {
		t.wrong(v, "want 1 to 64 letters, digits, '.', '_' and '-'")
		return ""
	}
	if hub.IsReserved(v.text) {
		t.wrong(v, "names that begin with %s are reserved for Pollux", hub.ReservedPrefix)
		return ""
	}
	if line, again := t.names[v.text]; again {
		t.wrong(v, "the name is taken by the stream in line %d", line)
		return ""
	}
	t.names[v.text] = v.line
	return v.text
}

// source reads the source of the documents, and refuses keys of other sources.
func (t *table) source(s *Stream) {
	var found []string
	if t.has("url") {
		found = append(found, "url")
	}
	var claimed bool
	if s.Push, claimed = t.claims("push"); claimed {
		found = append(found, "push: true")
	}
	if s.Mock, claimed = t.claims("mock"); claimed {
		found = append(found, "mock: true")
	}
	switch {
	case len(found) == 0:
		t.add(t.at.line, t.at.column, "a stream without a source, want one of url, push: true and mock: true")
	case len(found) > 1:
		t.add(t.at.line, t.at.column, "a stream with %s, want one of them", strings.Join(found, " and "))
	case s.Push:
		t.refuseOf(s, "has no effect with push: true, because nothing is polled")
	case s.Mock:
		t.refuseOf(s, "has no effect with mock: true, because no request is sent")
		t.refuse("has no effect with mock: true, because the mock has one document for everybody", "keys")
	default:
		t.refuseOf(s, "")
	}
}

// claims reports whether push or mock is or may be true, and whether it counts as a
// source of the stream. A key with an invalid value counts as a source too. Otherwise the
// file would get a second error, about a missing source.
func (t *table) claims(key string) (is, claimed bool) {
	value := t.boolean(key)
	is = value != nil && *value || t.unknown(key)
	return is, is || t.has(key) && value == nil
}

// refuseOf refuses the keys that do not apply to the stream. why is the reason for keys
// about polls and requests.
func (t *table) refuseOf(s *Stream, why string) {
	for _, key := range t.settings.keys {
		switch of := t.settings.by[key].Of; {
		case s.has(of):
		case of == "push":
			t.refuse("has no effect without push: true", key)
		default:
			t.refuse(why, key)
		}
	}
}

// refuseIdle refuses keys without an effect beside the values of others.
func (t *table) refuseIdle(s *Stream) {
	poll, ok := t.choice("poll")
	switch {
	case t.has("keys"):
		t.refuse("has no effect with keys, because a key is polled only while a client listens to it", "poll")
		t.refuse("has no effect with keys, because one interval holds for all of them", "ttl")
	case s.has("poll") && (ok && poll == Always || !t.has("poll")):
		t.refuse("has no effect without poll: on-demand", "linger")
	}
	auto := hub.ReplayAuto.String()
	if replay, ok := t.choice("replay"); ok && replay != auto || s.Push && !t.has("replay") {
		t.refuse("has no effect without replay: "+auto, "replay_events", "replay_bytes")
	}
	if !s.has("request") {
		return
	}
	if source, ok := t.choice("source"); ok && source == SSE {
		t.refuse("has no effect with source: sse, because the upstream sends what is new", "conditional", "revalidate", "ttl")
		t.refuse("has no effect with source: sse, because an event stream comes with status 200", "accept_status")
		t.refuse("has no effect with source: sse, because an event stream is UTF-8", "charset")
		t.refuse("has no effect with source: sse, because one event stream serves all clients", "keys")
	} else if ok || !t.has("source") {
		t.refuse("has no effect without source: sse", "events")
	}
	method, ok := t.choice("method")
	switch {
	case ok && method == http.MethodPost, t.mustPost():
		t.refuse("has no effect with method: POST, because only a GET is conditional", "conditional", "revalidate")
	case ok, !t.has("method"):
		t.refuse("has no effect without method: POST", "body", "body_file")
	}
	if conditional := t.boolean("conditional"); conditional != nil && !*conditional {
		t.refuse("has no effect with conditional: false, because every request is unconditional", "revalidate")
	}
}

// mustPost reports whether the method is a variable that may have any value, and can
// only be POST because there is a body.
func (t *table) mustPost() bool {
	return t.unknown("method") && (t.has("body") || t.has("body_file"))
}

// schedule completes the fields for polling.
func (t *table) schedule(s *Stream) {
	if s.Push {
		return
	}
	every := ofStream.by["every"]
	if t.unknown("every") {
		s.Every = time.Duration(every.Most) // so that any timeout may be right
	} else if s.Source == SSE && !t.has("every") {
		s.Every = poller.DefaultFeedEvery
	}
	if _, ok := t.value(ofStream.by["timeout"]); !ok {
		s.Timeout = poller.DefaultTimeout(s.Every)
	} else if _, right := t.value(every); (right || !t.has("every") || t.unknown("every")) && (s.Timeout <= 0 || s.Timeout >= s.Every) {
		v, _ := t.text("timeout")
		const want = "want more than 0s and less than every, which is %s"
		if t.inherited.taken["timeout"] && t.has("every") && !t.inherited.taken["every"] {
			t.add(t.at.line, t.at.column, "timeout is %s in defaults: "+want+" here", short(s.Timeout), short(s.Every))
		} else {
			t.wrong(v, want, short(s.Every))
		}
	}
	switch {
	case t.has("keys"):
		s.Poll = OnDemand
	case s.Poll == Always:
		s.Linger = 0
	}
}

// reach completes the fields about the hosts of requests.
func (t *table) reach(s *Stream, c *Config) {
	for i, host := range s.RedirectHosts {
		s.RedirectHosts[i] = strings.ToLower(host)
	}
	if !s.has("request") {
		return
	}
	s.Proxy = proxyOf(s.Proxy, t.options.Proxy, c.Proxy)
	deny := t.boolean("deny_private")
	switch {
	case deny != nil:
	case c.DenyPrivate != nil:
		s.DenyPrivate = *c.DenyPrivate
	case t.unknown("deny_private"):
		s.DenyPrivate = true // so that allow_private may have an effect
	}
	if !t.has("allow_private") {
		s.AllowPrivate = c.AllowPrivate
	} else if len(s.AllowPrivate) > 0 && !s.DenyPrivate && (deny != nil || !t.has("deny_private")) {
		t.refuse("has no effect without deny_private: true, because no private address is refused", "allow_private")
	}
}

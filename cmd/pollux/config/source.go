package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller"
)

// ExampleURL is a URL as one should be.
const ExampleURL = "https://api.example.com/prices"

const (
	minEvery    = 10 * time.Millisecond
	maxDocument = document.MaxTree
	maxEntries  = 100 // of each list but streams and origins
	maxOrigins  = 1000
)

// Keys that not every stream may have.
var (
	requestKeys = []string{
		"method", "body", "body_file", "headers", "header_files", "bearer_token", "bearer_token_file", "max_document",
		"conditional", "revalidate", "respect", "redirect_hosts", "proxy", "deny_private", "allow_private",
	}
	pollKeys = []string{
		"every", "timeout", "poll", "linger", "select", "ignore", "poll_token", "poll_token_file", "poll_secret",
		"poll_secret_file",
	}
)

// stream reads one entry of streams.
func (r *reader) stream(n *node, c *Config) Stream {
	before := len(r.seen)
	t := r.table(n, streamKeys, configKeys, "to the top of the file")
	s := Stream{Name: t.name()}
	t.source(&s)
	t.request(&s)
	t.schedule(&s)
	t.change(&s)
	t.reach(&s, c)
	s.History, s.HistoryBytes = t.integer("history", MaxHistory), t.integer("history_bytes", MaxBytes)
	if r.options.Judge != nil && len(r.seen) == before {
		r.addEach(n, s.Name, r.options.Judge(&s))
	}
	return s
}

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
	if err := hub.CheckStream(v.text); err != nil {
		t.wrong(v, "want 1 to 64 letters, digits, '.', '_' and '-', and no event type such as error or status")
		return ""
	}
	if strings.HasPrefix(v.text, "_") {
		t.wrong(v, "names that begin with _ are reserved for Pollux")
		return ""
	}
	if line, again := t.names[v.text]; again {
		t.wrong(v, "the name is taken by the stream in line %d", line)
		return ""
	}
	t.names[v.text] = v.line
	return v.text
}

// source finds out where documents come from, and refuses what makes no sense
// then.
func (t *table) source(s *Stream) {
	if v, ok := t.text("url"); ok && t.isURL(v, ExampleURL) {
		s.URL = NewSecret(v.text)
	} else if t.unknown("url") {
		s.URL = NewSecret(ExampleURL)
	}
	push, mock := t.boolean("push"), t.boolean("mock")
	s.Push = push != nil && *push || t.unknown("push")
	s.Mock = mock != nil && *mock || t.unknown("mock")

	var found []string
	for _, is := range []struct {
		key string
		set bool
	}{
		{"url", t.has("url")},
		{"push: true", s.Push || t.has("push") && push == nil},
		{"mock: true", s.Mock || t.has("mock") && mock == nil},
	} {
		if is.set {
			found = append(found, is.key)
		}
	}
	switch {
	case len(found) == 0:
		t.add(t.at.line, t.at.column, "a stream without a source, want one of url, push: true and mock: true")
	case len(found) > 1:
		t.add(t.at.line, t.at.column, "a stream with %s, want one of them", strings.Join(found, " and "))
	case s.Push:
		const why = "makes no sense with push: true, as nothing is polled"
		t.refuse(why, requestKeys...)
		t.refuse(why, pollKeys...)
	case s.Mock:
		t.refuse("makes no sense with mock: true, as no request is made", requestKeys...)
	}
}

func (t *table) schedule(s *Stream) {
	if s.Push {
		return
	}
	s.Every = poller.DefaultEvery
	every := t.duration("every", minEvery, day, "5s")
	switch {
	case every != nil:
		s.Every = *every
	case t.unknown("every"):
		s.Every = day // so that any timeout may be right
	}
	s.Timeout = min(s.Every/5*4, poller.MaxDefaultTimeout)
	if timeout, v, ok := t.anyDuration("timeout", "4s"); ok {
		switch {
		case t.has("every") && every == nil && !t.unknown("every"): // nobody knows what it is less than
		case timeout <= 0 || timeout >= s.Every:
			t.wrong(v, "want more than 0s and less than every, which is %s", short(s.Every))
		}
		s.Timeout = timeout
	}
	s.Poll = Always
	if poll, ok := t.choice("poll", polls); ok {
		s.Poll = poll
	} else if t.has("poll") {
		return // so nobody knows whether it lingers
	}
	if s.Poll == Always {
		t.refuse("makes no sense without poll: on-demand", "linger")
		return
	}
	s.Linger = poller.DefaultLinger
	if linger := t.duration("linger", time.Second, day, "60s"); linger != nil {
		s.Linger = *linger
	}
}

// change reads what becomes an event, and who may ask for one.
func (t *table) change(s *Stream) {
	if v, ok := t.text("select"); ok && t.isProgram(v) {
		s.Select = v.text
	}
	s.Ignore = t.list("ignore", maxEntries, func(v value) bool { return t.isPointer(v, "/meta/generatedAt") })
	if v, ok := t.text("key"); ok && t.isPointer(v, "/id") {
		s.Key = v.text
	}
	s.PollToken = t.secret("poll_token", t.isToken)
	s.PollSecret = t.secret("poll_secret", func(value) bool { return true })
}

// reach reads where requests may lead.
func (t *table) reach(s *Stream, c *Config) {
	s.RedirectHosts = t.list("redirect_hosts", maxEntries, t.isHost)
	for i, host := range s.RedirectHosts {
		s.RedirectHosts[i] = strings.ToLower(host)
	}
	if v, ok := t.text("proxy"); ok && t.isURL(v, "http://proxy.example.com:3128") {
		s.Proxy = NewSecret(v.text)
	}
	if s.Push || s.Mock {
		return
	}
	deny := t.boolean("deny_private")
	switch {
	case deny != nil:
		s.DenyPrivate = *deny
	case c.DenyPrivate != nil:
		s.DenyPrivate = *c.DenyPrivate
	case t.unknown("deny_private"):
		s.DenyPrivate = true // or else nobody could say whether allow_private has an effect
	}
	s.AllowPrivate = c.AllowPrivate
	if t.has("allow_private") {
		s.AllowPrivate = t.networks("allow_private", t.isNoLinkLocal)
		if len(s.AllowPrivate) > 0 && !s.DenyPrivate && (deny != nil || !t.has("deny_private")) {
			t.refuse("makes no sense without deny_private: true, as no private address is refused", "allow_private")
		}
	}
}

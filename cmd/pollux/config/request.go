package config

import (
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// request reads what is asked.
func (t *table) request(s *Stream) {
	if s.Push || s.Mock {
		return
	}
	s.Method = http.MethodGet
	method, ok := t.choice("method", methods)
	if ok {
		s.Method = method
	} else if t.unknown("method") && (t.has("body") || t.has("body_file")) {
		s.Method = http.MethodPost
	}
	if s.Method == http.MethodGet && (ok || !t.has("method")) {
		t.refuse("makes no sense without method: POST", "body", "body_file")
	}
	s.Body = t.secret("body", func(value) bool { return true })
	t.headers(s)
	s.BearerToken = t.secret("bearer_token", t.isToken)
	t.oneAuthorization(s)
	s.MaxDocument = t.integer("max_document", maxDocument)
	t.conditional(s)
	s.Respect = t.list("respect", maxEntries, func(v value) bool { return t.chosen(v, respects) })
	if !t.has("respect") {
		s.Respect = slices.Clone(defaultRespect)
	}
}

// conditional reads whether requests are conditional, and how long that may go on.
func (t *table) conditional(s *Stream) {
	if s.Method != http.MethodGet {
		t.refuse("makes no sense with method: "+s.Method+", as only a GET is conditional", "conditional", "revalidate")
	}
	conditional := t.boolean("conditional")
	s.Conditional = conditional == nil || *conditional
	if !s.Conditional {
		t.refuse("makes no sense with conditional: false, as every request is unconditional", "revalidate")
		return
	}
	s.Revalidate = poller.DefaultRevalidate
	if revalidate := t.duration("revalidate", time.Second, 7*day, "1h"); revalidate != nil {
		s.Revalidate = *revalidate
	}
}

// headers reads headers and header_files into one map.
func (t *table) headers(s *Stream) {
	for _, key := range []string{"headers", "header_files"} {
		n := t.values[key]
		switch {
		case n == nil:
			continue
		case n.kind != mapping:
			t.add(n.line, n.column, "%s is %s, want a mapping of names", key, n.kind)
			continue
		case len(n.pairs) > maxEntries:
			t.add(n.line, n.column, "%s has %d entries, want %d at most", key, len(n.pairs), maxEntries)
			continue
		}
		if s.Headers == nil {
			s.Headers = make(map[string]Secret)
		}
		t.pairs(n, func(name, value *node) { t.header(s, key, name, value) })
	}
}

func (t *table) header(s *Stream, from string, name, n *node) {
	canonical := textproto.CanonicalMIMEHeaderKey(name.text)
	key := from + "." + cut(name.text)
	switch {
	case !httpguts.ValidHeaderFieldName(name.text):
		t.add(name.line, name.column, "a header has the name %q: want letters, digits and '-'", cut(name.text))
		return
	case httpjson.IsReserved(name.text):
		t.add(name.line, name.column, "%s cannot be set: HTTP or the check for changes works by it", key)
		return
	case s.Headers[canonical].IsSet():
		t.add(name.line, name.column, "%s is set already; the case of letters does not count", key)
		return
	}
	v, ok := t.scalar(key, n)
	if ok && from == "header_files" {
		v, ok = t.content(v)
	}
	v.text = strings.TrimSpace(v.text)
	switch {
	case !ok:
	case v.text == "":
		t.wrongSecret(v, "there is only white space")
	case !httpguts.ValidHeaderFieldValue(v.text):
		t.wrongSecret(v, "a header has no line break or other control character")
	default:
		s.Headers[canonical] = NewSecret(v.text)
	}
}

// oneAuthorization refuses all but one way to say who asks.
func (t *table) oneAuthorization(s *Stream) {
	var ways []string
	if u, err := url.Parse(s.URL.Reveal()); err == nil && u.User != nil {
		ways = append(ways, "a user in url")
	}
	if s.Headers["Authorization"].IsSet() {
		ways = append(ways, "the header Authorization")
	}
	if t.has("bearer_token") || t.has("bearer_token_file") {
		ways = append(ways, "bearer_token")
	}
	if len(ways) > 1 {
		t.add(t.at.line, t.at.column, "a stream with %s, want one of them", strings.Join(ways, " and "))
	}
}

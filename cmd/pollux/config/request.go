package config

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/polluxhub/pollux/poller/httpjson"
)

// request completes the fields for the request.
func (t *table) request(s *Stream) {
	if !s.has("request") {
		return
	}
	if t.mustPost() {
		s.Method = http.MethodPost
	}
	if s.Source == SSE {
		s.Conditional = false
	}
	if !s.Conditional {
		s.Revalidate = 0
	}
	t.headers(s)
	t.oneAuthorization(s, "a stream")
}

// authorization is the header with credentials.
const authorization = "Authorization"

// headers reads headers and header_files into one map, with those of defaults that the
// stream does not set.
func (t *table) headers(s *Stream) {
	none := make(map[string]bool)
	for _, key := range []string{"headers", "header_files"} {
		n := t.values[key]
		switch {
		case n == nil:
			continue
		case n.kind != mapping:
			t.add(n.line, n.column, "%s is %s, want a mapping of names", key, n.kind)
			continue
		case !t.fits(key, n, len(n.pairs)):
			continue
		}
		if s.Headers == nil {
			s.Headers = make(map[string]Secret)
		}
		t.pairs(n, func(name, value *node) {
			if value.kind == null && t.inherited.from.hasHeader(name.text) {
				none[textproto.CanonicalMIMEHeaderKey(name.text)] = true
			} else {
				t.header(s, key, name, value)
			}
		})
	}
	t.inheritHeaders(s, none)
}

func (t *table) header(s *Stream, from string, name, n *node) {
	canonical := textproto.CanonicalMIMEHeaderKey(name.text)
	key := from + "." + cut(name.text)
	switch {
	case !httpguts.ValidHeaderFieldName(name.text):
		t.add(name.line, name.column, "a header has the name %q: want letters, digits and '-'", cut(name.text))
		return
	case httpjson.IsReserved(name.text):
		t.add(name.line, name.column, "%s cannot be set: HTTP or the check for changes depends on it", key)
		return
	case s.Headers[canonical].IsSet():
		t.add(name.line, name.column, "%s is set already; the case of letters does not count", key)
		return
	}
	v, ok := t.scalar(key, n)
	if ok && from == "header_files" {
		v, ok = t.content(v, maxFile)
	}
	v.text = strings.TrimSpace(v.text)
	switch {
	case !ok:
	case v.text == "":
		t.wrongSecret(v, "there is only white space")
	case !httpguts.ValidHeaderFieldValue(v.text):
		t.wrongSecret(v, "a header has no line break or other control character")
	default:
		s.Headers[canonical] = newSecretOf(v.text, v.file)
	}
}

// oneAuthorization refuses more than one kind of credentials, and reports whether it had to.
func (t *table) oneAuthorization(s *Stream, of string) bool {
	var ways []string
	if u, err := url.Parse(s.URL.Reveal()); err == nil && u.User != nil {
		ways = append(ways, "a user in url")
	}
	if s.Headers[authorization].IsSet() {
		ways = append(ways, "the header Authorization")
	}
	if t.has("bearer_token") || t.has("bearer_token_file") {
		ways = append(ways, "bearer_token")
	}
	if len(ways) > 1 {
		t.add(t.at.line, t.at.column, "%s with %s, want one of them", of, strings.Join(ways, " and "))
	}
	return len(ways) > 1
}

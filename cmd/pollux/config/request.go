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
	s.Headers = t.readHeaders(func(name string, value *node) bool {
		isNone := value.kind == null && t.inherited.from.hasHeader(name)
		if isNone {
			none[textproto.CanonicalMIMEHeaderKey(name)] = true
		}
		return isNone
	})
	t.inheritHeaders(s, none)
}

// readHeaders reads headers and header_files into one map; nil without them. skip reports
// whether one is left out.
func (t *table) readHeaders(skip func(name string, value *node) bool) map[string]Secret {
	var headers map[string]Secret
	for _, name := range []string{"headers", headerFiles} {
		key := t.settings.prefix + name
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
		if headers == nil {
			headers = make(map[string]Secret)
		}
		t.pairs(n, func(name, value *node) {
			if !skip(name.text, value) {
				t.header(headers, key, name, value)
			}
		})
	}
	return headers
}

// headerFiles is the key of headers whose values are in files.
const headerFiles = "header_files"

func (t *table) header(headers map[string]Secret, from string, name, n *node) {
	canonical := textproto.CanonicalMIMEHeaderKey(name.text)
	key := from + "." + cut(name.text)
	switch {
	case !httpguts.ValidHeaderFieldName(name.text):
		t.add(name.line, name.column, "a header has the name %q: want letters, digits and '-'", cut(name.text))
		return
	case httpjson.IsReserved(name.text):
		t.add(name.line, name.column, "%s cannot be set: HTTP or the check for changes depends on it", key)
		return
	case headers[canonical].IsSet():
		t.add(name.line, name.column, "%s is set already; the case of letters does not count", key)
		return
	}
	v, ok := t.scalar(key, n)
	if ok && t.settings.name(from) == headerFiles {
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
		headers[canonical] = newSecretOf(v.text, v.file)
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
	if t.has("oauth2") {
		ways = append(ways, "oauth2")
	}
	if len(ways) > 1 {
		t.add(t.at.line, t.at.column, "%s with %s, want one of them", of, strings.Join(ways, " and "))
	}
	return len(ways) > 1
}

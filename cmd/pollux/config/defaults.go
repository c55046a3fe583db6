package config

import (
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// ofDefaults are the settings of streams that may stand in defaults: those that several
// streams can share, and that the top of the file does not have already.
var ofDefaults = func() declarations {
	d := declarations{shown: "defaults.", by: make(map[string]*Setting)}
	for _, s := range ofStream.all {
		if !s.Own && top.by[s.Key] == nil {
			d.add(s)
		}
	}
	return d
}()

// inherited are what defaults has for the streams, and what one of them takes of it.
type inherited struct {
	from  *table          // defaults; nil without
	taken map[string]bool // keys whose values the stream has from there
	none  map[string]bool // keys that the stream sets to null, so that it has no such setting
}

// credentials are the keys by which a stream says who it is. It has one of them.
var credentials = []string{"bearer_token", "bearer_token_file", "oauth2"}

// shared reads defaults, and keeps them for the streams. It checks each value also if no
// stream takes it.
func (t *table) shared() *Stream {
	n := t.values["defaults"]
	switch {
	case n == nil:
		return nil
	case n.kind != mapping:
		t.add(n.line, n.column, "defaults is %s, want a mapping with keys of streams", n.kind)
		return nil
	}
	d := t.table(n, &ofDefaults, place{&top, "to the top of the file"}, place{&ofStream, "to an entry of streams"})
	s := new(Stream)
	d.fill(s, func(s *Setting) bool { return d.has(s.Key) || d.has(s.FileKey) })
	s.OAuth2, s.Login = d.oauth2(), d.login()
	d.headers(s)
	if d.oneAuthorization(s, "defaults") || d.has("oauth2") && d.has("login") {
		for _, key := range append(credentials, "login") { // so that not each stream has the mistake again
			delete(d.values, key)
		}
	}
	t.defaults = d
	return s
}

// mayBeNull reports whether null says that a stream does not have a setting: defaults has it.
func (t *table) mayBeNull(name string) bool {
	s := t.settings.by[name]
	return t.settings == &ofStream && t.inherited.from != nil && (t.inherited.from.has(s.Key) || t.inherited.from.has(s.FileKey))
}

// inherit takes the settings of defaults that the stream does not set. Headers are merged
// later, see headers.
func (t *table) inherit() {
	from := t.inherited.from
	if from == nil {
		return
	}
	known := slices.ContainsFunc(credentials, t.has)
	for _, s := range from.settings.all {
		switch {
		case known && slices.Contains(credentials, s.Key), s.Key == "login" && t.has("oauth2"), s.Key == "oauth2" && t.has("login"):
			continue // the stream says it by itself
		}
		if s.IsMap() || t.has(s.Key) || t.has(s.FileKey) || t.inherited.none[s.Key] || t.inherited.none[s.FileKey] {
			continue
		}
		for _, key := range []string{s.Key, s.FileKey} {
			if value := from.values[key]; value != nil {
				t.keys[key], t.values[key], t.inherited.taken[key] = from.keys[key], value, true
			}
		}
	}
}

// hasHeader reports whether defaults has a header with this name.
func (t *table) hasHeader(name string) bool {
	if t == nil {
		return false
	}
	for _, key := range []string{"headers", "header_files"} {
		if n := t.values[key]; n != nil && slices.ContainsFunc(n.pairs, func(p pair) bool { return strings.EqualFold(p.key.text, name) }) {
			return true
		}
	}
	return false
}

// drop forgets settings that the stream has from defaults, and reports whether there were
// some.
func (t *table) drop(keys ...string) (dropped bool) {
	for _, key := range keys {
		if t.inherited.taken[key] {
			delete(t.keys, key)
			delete(t.values, key)
			dropped = true
		}
	}
	return dropped
}

// inheritHeaders adds the headers of defaults to those that the stream sets. A stream that
// says by itself who it is takes no credentials of defaults.
func (t *table) inheritHeaders(s *Stream, none map[string]bool) {
	from := t.inherited.from
	if from == nil {
		return
	}
	u, err := url.Parse(s.URL.Reveal())
	known := slices.ContainsFunc(credentials, t.has)
	if err == nil && u.User != nil || s.Headers[authorization].IsSet() {
		if t.drop(credentials...) {
			s.BearerToken, s.OAuth2 = Secret{}, nil
		}
		known = true
	}
	for _, key := range []string{"headers", "header_files"} {
		n := from.values[key]
		if n == nil || n.kind != mapping || t.inherited.none[key] {
			continue
		}
		t.pairs(n, func(name, value *node) {
			canonical := textproto.CanonicalMIMEHeaderKey(name.text)
			if s.Headers[canonical].IsSet() || none[canonical] || known && canonical == authorization {
				return
			}
			if s.Headers == nil {
				s.Headers = make(map[string]Secret)
			}
			t.header(s.Headers, key, name, value)
		})
	}
}

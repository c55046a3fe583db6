package httpjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
)

// The places of a template, as they are written.
const (
	placeOfKey  = "{key}"
	placeOfKeys = "{keys}"
)

// escape is how a key is written in one place of a template.
type escape func(key string) string

// place is one place of a template, and the text behind it up to the next place.
type place struct {
	escape escape
	behind string
}

// template is a text with places for a key, or for several keys with commas between
// them. The zero value is the empty text.
type template struct {
	before string // the text before the first place
	places []place
}

// expand returns the text with the keys in each place. A key that looks like a place
// stays as it is, because the text is read once, when the template is made.
func (t template) expand(keys []string) string {
	var text strings.Builder
	text.WriteString(t.before)
	for _, at := range t.places {
		for i, key := range keys {
			if i > 0 {
				text.WriteByte(',')
			}
			text.WriteString(at.escape(key))
		}
		text.WriteString(at.behind)
	}
	return text.String()
}

// newTemplate returns the template that text is. escapeAt returns how keys are written
// in the place that begins at a byte of text, or an error.
func newTemplate(text, name string, escapeAt func(at int) (escape, error)) (template, error) {
	before, rest, found := strings.Cut(text, name)
	t := template{before: before}
	for found {
		escape, err := escapeAt(len(text) - len(rest) - len(name))
		if err != nil {
			return template{}, err
		}
		var behind string
		behind, rest, found = strings.Cut(rest, name)
		t.places = append(t.places, place{escape, behind})
	}
	return t, nil
}

// request is a request with places for keys.
type request struct {
	url  template
	body template
}

// newRequest returns the request that the texts are. batch says that it has places for
// several keys. The error quotes nothing of the texts, which may hold a password.
func newRequest(address, body, contentType string, batch bool) (request, error) {
	name, other := placeOfKey, placeOfKeys
	if batch {
		name, other = placeOfKeys, placeOfKey
	}
	r, errs := request{}, make([]error, 3)
	r.url, errs[0] = urlTemplate(address, name, other)
	r.body, errs[1] = bodyTemplate(body, contentType, name, other)
	if err := errors.Join(errs...); err != nil {
		return request{}, err
	}
	if len(r.url.places)+len(r.body.places) == 0 {
		return request{}, errors.New("want a place for " + name + " in the URL or in the body, for example " + exampleOf(name))
	}
	return r, nil
}

// CheckTemplate returns what is wrong with the URL and the body of a request for keys,
// or nil. contentType is that of the body; empty means JSON. batch says that one request
// asks for several keys: then the places are {keys}, and {key} without it. The error
// quotes nothing of the texts.
func CheckTemplate(address, body, contentType string, batch bool) error {
	_, err := newRequest(address, body, contentType, batch)
	return err
}

func exampleOf(name string) string {
	if name == placeOfKeys {
		return "https://api.example.com/quotes?symbols={keys}"
	}
	return "https://api.example.com/price/{key}"
}

// escapePath returns a path in which each byte is escaped that has to be (RFC 3986 section
// 3.3), but for places of this name. Otherwise net/url would not take the path as it is, and
// would undo the escapes of keys: a slash in a key would divide the path.
func escapePath(path, name string) string {
	const plain = "-_.~!$&'()*+,;=:@[]/%"
	var text strings.Builder
	for i, part := range strings.Split(path, name) {
		if i > 0 {
			text.WriteString(name)
		}
		for _, b := range []byte(part) {
			if b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || strings.IndexByte(plain, b) >= 0 {
				text.WriteByte(b)
			} else {
				fmt.Fprintf(&text, "%%%02X", b)
			}
		}
	}
	return text.String()
}

// urlTemplate returns the template of a URL. A place is in the path or in the query:
// everything before those says which server is asked.
func urlTemplate(text, name, other string) (template, error) {
	plain := strings.ReplaceAll(text, name, "k")
	switch {
	case strings.Contains(plain, other):
		return template{}, wrongPlace(name)
	case strings.ContainsAny(plain, "{}"):
		return template{}, errors.New("want " + name + " as the only { and } of the URL; write %7B and %7D for the characters themselves")
	}
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return template{}, CheckURL(plain, exampleOf(name))
	}
	path, fragment := len(text), len(text) // where they begin
	if at := strings.IndexAny(rest, "/?#"); at >= 0 {
		path = len(scheme) + len("://") + at
	}
	if at := strings.IndexByte(text, '#'); at >= 0 {
		fragment = at
	}
	query := fragment
	if at := strings.IndexByte(text[:fragment], '?'); at >= 0 {
		query = at
	}
	if path < query { // else it is no URL that can be requested
		escaped := escapePath(text[path:query], name)
		text = text[:path] + escaped + text[query:]
		query, fragment = path+len(escaped), fragment+path+len(escaped)-query
	}
	t, err := newTemplate(text, name, func(at int) (escape, error) {
		switch {
		case at < path:
			return nil, errors.New("the host cannot be a template: " + name + " stands in the path, in the query or in the body")
		case at < query:
			return url.PathEscape, nil
		case at < fragment:
			return url.QueryEscape, nil
		default:
			return nil, errors.New("the fragment of a URL is not sent: " + name + " stands in the path, in the query or in the body")
		}
	})
	if err != nil {
		return template{}, err
	}
	return t, CheckURL(plain, exampleOf(name))
}

func wrongPlace(name string) error {
	if name == placeOfKeys {
		return errors.New("want {keys} and not {key}: one request asks for several keys")
	}
	return errors.New("want {key} and not {keys}: one request asks for one key")
}

// bodyTemplate returns the template of a body. Braces that are no place are part of it.
func bodyTemplate(text, contentType, name, other string) (template, error) {
	if strings.Contains(text, other) {
		return template{}, wrongPlace(name)
	}
	if !strings.Contains(text, name) {
		return template{before: text}, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil && contentType != "":
		return template{}, errors.New("the Content-Type of the body is invalid")
	case media == "application/x-www-form-urlencoded":
		return newTemplate(text, name, func(int) (escape, error) { return url.QueryEscape, nil })
	case contentType == "" || media == "application/json" || strings.HasSuffix(media, "+json"):
		return jsonTemplate(text, name)
	}
	return template{}, errors.New("want JSON or a form as the body with " + name + ": for another Content-Type it is not known how to escape a key")
}

// jsonTemplate returns the template of a JSON body.
func jsonTemplate(text, name string) (template, error) {
	inString, read := false, 0 // whether the byte at read is within a string
	var probe strings.Builder  // the body with some key
	t, err := newTemplate(text, name, func(at int) (escape, error) {
		probe.WriteString(text[read:at])
		for ; read < at; read++ {
			switch {
			case text[read] == '\\' && inString:
				read++
			case text[read] == '"':
				inString = !inString
			}
		}
		if read > at {
			return nil, errors.New("want no backslash before " + name)
		}
		read = at + len(name)
		if inString {
			probe.WriteByte('k')
			return withinString, nil
		}
		probe.WriteString(`"k"`)
		return jsonString, nil
	})
	if err != nil {
		return template{}, err
	}
	probe.WriteString(text[read:])
	if !json.Valid([]byte(probe.String())) {
		return template{}, errors.New("the body is not JSON once a key is in the place of " + name)
	}
	return t, nil
}

// jsonString returns a key as a string of JSON.
func jsonString(key string) string {
	text, err := json.Marshal(key)
	if err != nil { // which no string causes
		return `""`
	}
	return string(text)
}

// withinString returns a key as a part of a string of JSON.
func withinString(key string) string {
	text := jsonString(key)
	return text[1 : len(text)-1]
}

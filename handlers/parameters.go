package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is a route that takes parameters: the one place where they are written
// down. What it does not know is let alone, because others put their own into
// URLs, except where it looks like a slip of the pen.
type route struct {
	path       string
	parameters []parameter
}

// parameter is one that a route takes.
type parameter struct {
	name string
	also string // another spelling; "" if there is none

	// list says that it may be repeated, which makes one longer list.
	list bool
}

var (
	streamRoute = route{"/api/sse", []parameter{
		{name: "stream", list: true},
		{name: "last_event_id", also: "lastEventId"},
		{name: "since"},
		{name: "mode"},
		{name: "fields", list: true},
		{name: "limit"},
		{name: "heartbeat"},
	}}
	latestRoute = route{"/api/latest", []parameter{
		{name: "stream", list: true},
		{name: "fields", list: true},
		{name: "wait"},
		{name: "after"},
	}}
)

// find returns the parameter that has this name.
func (rt route) find(name string) (parameter, bool) {
	i := slices.IndexFunc(rt.parameters, func(p parameter) bool { return p.name == name || p.also == name && name != "" })
	if i < 0 {
		return parameter{}, false
	}
	return rt.parameters[i], true
}

// nearest returns the name that somebody who wrote another one meant, as far as
// that can be told, or "".
func (rt route) nearest(written string) string {
	nearest, least := "", maxEdits+1
	for _, p := range rt.parameters {
		for _, name := range []string{p.name, p.also} {
			if edits, ok := slip(written, name); ok && edits < least {
				nearest, least = name, edits
			}
		}
	}
	return nearest
}

// parse returns the parameters of the query by name: of a list all values, of
// another one the value, and nothing where it is empty, which counts as not given.
// Whatever would get another answer than was asked for is a problem. That is why,
// unlike [url.URL.Query], it drops nothing in silence.
func (rt route) parse(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "The query is malformed: write %% as %%25, ; as %%3B, and not thousands of parameters.")
	}
	if hasEmptyName(query["stream"]) {
		return nil, newProblem(http.StatusBadRequest, "stream names no stream: leave it out for the stream default.")
	}
	parsed := make(url.Values, len(rt.parameters))
	for _, name := range slices.Sorted(maps.Keys(query)) { // so that one query has one answer
		values := slices.DeleteFunc(query[name], func(value string) bool { return value == "" })
		p, known := rt.find(name)
		switch {
		case known && p.list:
			parsed[p.name] = append(parsed[p.name], values...)
		case known:
			for _, value := range values {
				if given := parsed.Get(p.name); given != "" && given != value {
					return nil, newProblem(http.StatusBadRequest, "%s is given more than once, with different values.", p.spellings())
				}
				parsed.Set(p.name, value)
			}
		default:
			if err := rt.judgeUnknown(name, values); err != nil {
				return nil, err
			}
		}
	}
	return parsed, nil
}

// judgeUnknown returns a problem for a parameter that another route has, or that
// looks like a slip. What the caller wrote is not told back.
func (rt route) judgeUnknown(name string, values []string) error {
	for _, other := range []route{streamRoute, latestRoute} {
		if _, known := other.find(name); known && len(values) > 0 {
			return newProblem(http.StatusBadRequest, "%s belongs to %s, not to %s.", name, other.path, rt.path)
		} else if known {
			return nil
		}
	}
	if meant := rt.nearest(name); meant != "" {
		return newProblem(http.StatusBadRequest, "There is no parameter of that name. The nearest is %s.", meant)
	}
	return nil
}

// spellings names the parameter in every way in which it can be written.
func (p parameter) spellings() string {
	if p.also == "" {
		return p.name
	}
	return p.name + " (or " + p.also + ")"
}

// hasEmptyName reports whether any of these comma-separated lists names nothing.
// Whoever wrote it meant a stream, and would get another one.
func hasEmptyName(lists []string) bool {
	return slices.ContainsFunc(lists, func(list string) bool { return strings.Trim(list, ",") == "" })
}

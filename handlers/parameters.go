package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is the table of the parameters of a route. Unknown parameters are ignored,
// because proxies and analytics add their own, unless they look like slips.
type route struct {
	path       string
	parameters []parameter

	// lenient says that slips are ignored too.
	lenient bool
}

// parameter is a parameter of a route.
type parameter struct {
	name string
	also string // another spelling, or ""

	// list says that the parameter is a list, which repetition makes longer.
	list bool
}

var (
	streamRoute = route{path: "/api/sse", parameters: []parameter{
		{name: "stream", list: true},
		{name: "last_event_id", also: "lastEventId"},
		{name: "since"},
		{name: "replay"},
		{name: "fresh", list: true},
		{name: "format"},
		{name: "mode"},
		{name: "fields", list: true},
		{name: "limit"},
		{name: "heartbeat"},
		{name: "ticket"},
	}}
	latestRoute = route{path: "/api/latest", parameters: []parameter{
		{name: "stream", list: true},
		{name: "format"},
		{name: "fields", list: true},
		{name: "wait"},
		{name: "after"},
	}}
	streamsRoute = route{path: "/api/streams", parameters: []parameter{{name: "stream"}}, lenient: true}
)

// find returns the parameter with a name, in either spelling.
func (rt route) find(name string) (parameter, bool) {
	i := slices.IndexFunc(rt.parameters, func(p parameter) bool { return p.name == name || p.also == name && name != "" })
	if i < 0 {
		return parameter{}, false
	}
	return rt.parameters[i], true
}

// nearest returns the name that the caller probably meant by an unknown one, or "".
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

// parse returns the parameters of the query by name: all values of a list, one value
// of any other parameter. Empty values count as missing. Its errors are problems:
// unlike [url.URL.Query], it never ignores a malformed part of the query, which would
// change the meaning of the request.
func (rt route) parse(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery) // which takes 10,000 parameters, a bound that net/url does not export
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "The query is malformed. Write %% as %%25 and ; as %%3B, and send at most 10,000 parameters.")
	}
	if hasEmptyName(query["stream"]) {
		return nil, newProblem(http.StatusBadRequest, "stream has an empty name. Leave the parameter out for the stream default.")
	}
	parsed := make(url.Values, min(len(query), len(rt.parameters)))
	for _, name := range slices.Sorted(maps.Keys(query)) { // sorted, so that the answer does not vary
		values := slices.DeleteFunc(query[name], func(value string) bool { return value == "" })
		p, known := rt.find(name)
		switch {
		case known && p.list:
			parsed[p.name] = append(parsed[p.name], values...)
		case known:
			for _, value := range values {
				if given := parsed.Get(p.name); given != "" && given != value {
					return nil, newProblem(http.StatusBadRequest, "%s has several different values.", p.spellings())
				}
				parsed.Set(p.name, value)
			}
		case !rt.lenient:
			if err := rt.checkUnknown(name, values); err != nil {
				return nil, err
			}
		}
	}
	return parsed, nil
}

// checkUnknown returns a problem for a parameter of another route, and for a slip. The
// problem does not quote the caller.
func (rt route) checkUnknown(name string, values []string) error {
	for _, other := range []route{streamRoute, latestRoute} {
		if _, known := other.find(name); known && len(values) > 0 {
			return newProblem(http.StatusBadRequest, "%s is a parameter of %s, not of %s.", name, other.path, rt.path)
		} else if known {
			return nil
		}
	}
	if meant := rt.nearest(name); meant != "" {
		return newProblem(http.StatusBadRequest, "The query has an unknown parameter. Did you mean %s?", meant)
	}
	return nil
}

// spellings returns each spelling of the parameter, for a problem.
func (p parameter) spellings() string {
	if p.also == "" {
		return p.name
	}
	return p.name + " (or " + p.also + ")"
}

// hasEmptyName reports whether any of these comma-separated lists has no name. Its
// caller meant a particular stream, and must not get the default one.
func hasEmptyName(lists []string) bool {
	return slices.ContainsFunc(lists, func(list string) bool { return strings.Trim(list, ",") == "" })
}

package handlers

import "net/http"

// Routes returns each route of a handler of this package, as "METHOD path".
func Routes(handler http.Handler) []string {
	var routes []string
	for _, route := range handler.(decoded).next.Routes() {
		routes = append(routes, route.Method+" "+route.Path)
	}
	return routes
}

// QueryParameters returns each spelling of each parameter by the path of its route,
// and whether the parameter is a list.
func QueryParameters() map[string]map[string]bool {
	all := make(map[string]map[string]bool)
	for _, rt := range []route{streamRoute, latestRoute, streamsRoute} {
		all[rt.path] = make(map[string]bool)
		for _, p := range rt.parameters {
			all[rt.path][p.name] = p.list
			if p.also != "" {
				all[rt.path][p.also] = p.list
			}
		}
	}
	return all
}

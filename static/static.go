// Package static holds what the browser gets: the dashboard and the client
// modules. They are served as they are; there is no build step.
package static

import "embed"

// Files are the files that are served, by their path below the root of the
// server.
//
//go:embed index.html dashboard.css dashboard.js dashboard client favicon.svg
var Files embed.FS

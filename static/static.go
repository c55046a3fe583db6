// Package static holds what the browser gets: the dashboard, and the client
// modules that pages of others import too. The files are embedded and served as
// they are; there is no build step, and no third-party script among them.
//
// Every file works under this policy, and the tests in static/test prove it:
//
//	default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';
//	connect-src 'self'; base-uri 'none'; form-action 'none';
//	frame-ancestors 'none'; require-trusted-types-for 'script'
//
// All links between the files are relative, so they also work below a prefix.
package static

import "embed"

// Files are the files that are served, by their path below the root of the
// server; index.html is the root itself. Tests and what they need are not among
// them.
//
//go:embed index.html dashboard.css dashboard.js favicon.svg client/*.js dashboard/*.js
var Files embed.FS

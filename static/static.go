// Package static holds the files for browsers: the dashboard, and the client modules,
// which other pages can import too. The files are embedded and served unchanged. There
// is no build step, and no third-party script.
//
// Every file works under this policy, as the tests in static/test check:
//
//	default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';
//	connect-src 'self'; base-uri 'none'; form-action 'none';
//	frame-ancestors 'none'; require-trusted-types-for 'script'
//
// All links between the files are relative, so they also work under a prefix.
package static

import "embed"

// Files are the served files, by their path under the root of the server; index.html
// is the root itself. Tests are not among them.
//
//go:embed index.html dashboard.css dashboard.js favicon.svg client/*.js dashboard/*.js dashboard/*.css
var Files embed.FS

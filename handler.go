package pollux

import (
	"context"
	"net"
	"net/http"
	"path"
	"strings"
)

// Handler returns what Run serves, to be mounted in another server. The package comment
// says what that server needs.
func (p *Pollux) Handler() http.Handler { return mounted{p.handler} }

// ConnContext is for the field ConnContext of the server that Handler is mounted in.
// With it, plain HTTP/1.1 connections of streams leave net/http on Linux.
func (p *Pollux) ConnContext(ctx context.Context, conn net.Conn) context.Context {
	return p.engine.ConnContext(ctx, conn)
}

// mounted sends a request for the prefix itself to the prefix with a slash, because the
// links of the page are relative to that.
type mounted struct{ http.Handler }

func (m mounted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, query, _ := strings.Cut(r.RequestURI, "?")
	if r.URL.Path != "" || !strings.HasPrefix(asked, "/") {
		m.Handler.ServeHTTP(w, r)
		return
	}
	target := path.Base(asked) + "/"
	if query != "" {
		target += "?" + query
	}
	w.Header().Set("Location", "./"+target) // http.Redirect would not take it as relative to what was asked for
	w.WriteHeader(http.StatusPermanentRedirect)
}

package httpjson

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// Transports share the connections of all Sources and Keyed that are given the same, if
// these have the same scheme, host, port, proxy, TLS, DenyPrivate and AllowPrivate. So a
// thousand streams of one host have as many connections as requests at a time, or one with
// HTTP/2, and a new connection continues the TLS session of an old one. A name that was
// public for one of them counts as public for all. Those with the same OAuth2 share a token. Its methods are safe for concurrent
// use, and it starts nothing. See [NewTransports].
type Transports struct {
	places *guard.Places

	mu     sync.Mutex
	ways   map[string]*way
	passes map[string]*sharedPass // tokens, by all that they depend on
}

// sharedPass is a pass, and how many clients use it.
type sharedPass struct {
	*pass
	users int
}

// NewTransports returns an empty set. places bounds all of its connections together; nil
// means no bound.
func NewTransports(places *guard.Places) *Transports {
	return &Transports{places: places, ways: make(map[string]*way), passes: make(map[string]*sharedPass)}
}

// way is how requests reach a host: a transport and the guard beneath it.
type way struct {
	http  *http.Client
	guard *guard.Guard // nil with a Transport of the caller's
	close func()       // closes the connections that are not in use
	alone bool         // there is one request at a time

	of    *Transports // that has it; nil for a way of one client
	name  string      // there
	users int         // guarded by the lock of Transports
}

// newWay returns a way of its own guard and transport, which keeps some connections for
// the next requests.
func newWay(opts guard.Options, proxy *url.URL, trust TLS, host string, kept int) *way {
	w := &way{alone: kept == 1}
	opts.CloseIdle = func() { w.close() }
	w.guard = guard.New(opts)
	config, err := trust.config(host)
	if err != nil { // a file has become wrong since New
		config = &tls.Config{VerifyConnection: func(tls.ConnectionState) error { return err }}
	}
	transport := newTransport(w.guard, proxy, config, kept)
	w.http, w.close = newHTTPClient(transport), transport.CloseIdleConnections
	return w
}

// newHTTPClient returns a client that follows no redirects: get does.
func newHTTPClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// take returns the way to a host, for one more user.
func (t *Transports) take(host *url.URL, proxy *url.URL, trust TLS, deny bool, allow []netip.Prefix) *way {
	networks := make([]string, len(allow))
	for i, network := range allow {
		networks[i] = network.String()
	}
	slices.Sort(networks)
	name := fmt.Sprintf("%s://%s:%s %v %v %s %q", host.Scheme, strings.ToLower(host.Hostname()), port(host), deny, networks, proxy, fmt.Sprint(trust))
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.ways[name]
	if w == nil {
		// As many as a single Keyed can have in flight: what is not used is closed soon.
		w = newWay(guard.Options{DenyPrivate: deny, AllowPrivate: allow, Places: t.places}, proxy, trust, host.Hostname(), poller.MaxParallel)
		w.of, w.name = t, name
		t.ways[name] = w
	}
	w.users++
	return w
}

// leave notes that a user does not need the way any more. The last one closes it.
func (w *way) leave() {
	if w.of == nil {
		w.close()
		return
	}
	w.of.mu.Lock()
	w.users--
	last := w.users == 0
	if last {
		delete(w.of.ways, w.name)
	}
	w.of.mu.Unlock()
	if last {
		w.close()
	}
}

// takePass returns the pass of a name, for one more user. what is what it has, in the words
// of a failure.
func (t *Transports) takePass(name, what string) *pass {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.passes[name]
	if p == nil {
		p = &sharedPass{pass: &pass{what: what}}
		t.passes[name] = p
	}
	p.users++
	return p.pass
}

// leavePass notes that a user does not need a pass any more.
func (t *Transports) leavePass(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.passes[name]
	if p.users--; p.users == 0 {
		delete(t.passes, name)
	}
}

package fanout

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

var (
	// ErrTooManyClients is returned by Open and Admit at Options.MaxClients.
	ErrTooManyClients = errors.New("fanout: too many clients")

	// ErrTooManyOfAddress is returned by Open and Admit at Options.MaxClientsPerAddress.
	ErrTooManyOfAddress = errors.New("fanout: too many clients of one address")
)

// admission decides which clients and connections are let in, and counts them. Nothing
// else does. A client holds its place from Open or Admit until its descriptor is closed
// or belongs to net/http again. Connections are counted by the doors of the listeners.
type admission struct {
	maxClients int
	maxOfSite  int // 0: no limit
	logger     *slog.Logger
	lull       *lull
	emptied    func() // called under mu when the last client has left

	mu       sync.Mutex
	clients  int
	sites    map[netip.Addr]int // their clients; empty without a limit
	draining bool
	gone     chan struct{} // closed when draining and no client is left
	doors    []*door
}

// enter gives a client of an address a place.
func (a *admission) enter(address netip.Addr) error {
	site := Site(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := a.maxOfSite > 0 && site.IsValid()
	switch {
	case a.draining:
		return ErrDraining
	case a.clients >= a.maxClients:
		return ErrTooManyClients
	case counts && a.sites[site] >= a.maxOfSite:
		return ErrTooManyOfAddress
	case counts:
		a.sites[site]++
	}
	a.clients++
	return nil
}

// leave takes the place back.
func (a *admission) leave(address netip.Addr) {
	site := Site(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients--
	if n, counts := a.sites[site]; counts && n > 1 {
		a.sites[site] = n - 1
	} else {
		delete(a.sites, site) // so there are no more sites than clients
	}
	if a.clients > 0 {
		return
	}
	a.emptied()
	if a.draining {
		close(a.gone)
	}
}

// drain lets no client in from now on. It reports false if it was called before.
func (a *admission) drain() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.draining {
		return false
	}
	a.draining = true
	if a.clients == 0 {
		close(a.gone)
	}
	return true
}

func (a *admission) drains() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.draining
}

// serve lets the connections of the listeners in until the server ends, at most limit of
// them without a place of a client. When one listener ends, all do.
func (a *admission) serve(server *http.Server, listeners []net.Listener, limit int) error {
	d := newDoor(limit, a.logger, a.lull)
	a.mu.Lock()
	a.doors = append(a.doors, d)
	a.mu.Unlock()
	server.ConnContext, server.ConnState = d.connContext, d.connState
	server.Handler = d.asking(server.Handler)

	secure := server.TLSConfig != nil // net/http sets it, once it serves
	if secure {
		server.TLSConfig = d.hosting(server.TLSConfig)
	}
	quit := make(chan struct{})
	var sweeping sync.WaitGroup
	sweeping.Go(func() { d.sweep(secure, quit) })
	defer sweeping.Wait()
	defer close(quit)
	defer d.endHandshakes()

	entrances := make([]*entrance, len(listeners))
	for i, listener := range listeners {
		entrances[i] = newEntrance(listener, d)
	}
	errs := make(chan error, len(entrances))
	for _, e := range entrances {
		go func() { errs <- e.serve(server, secure) }()
	}
	var err error
	for i := range entrances {
		one := <-errs
		if i == 0 {
			err = one // the others end because of it
		}
		for _, e := range entrances {
			_ = e.Close() // it may be closed already
		}
	}
	return err
}

// addTo adds what the doors have counted.
func (a *admission) addTo(stats *Stats) {
	a.mu.Lock()
	doors := a.doors
	stats.Clients = a.clients
	a.mu.Unlock()
	stats.ConnectionsClosed = make(map[Pressure]uint64, 1+len(pressureOf))
	stats.ConnectionStates = make(map[string]int, len(stateNames))
	for _, name := range stateNames {
		stats.ConnectionStates[name] = 0
	}
	for _, d := range doors {
		for state, n := range d.states() {
			stats.Connections += n
			stats.ConnectionStates[stateNames[state]] += n
		}
		stats.AcceptErrors += d.failures.Load()
		stats.ConnectionsClosed[PressureFull] += d.refused.Load()
		for from, why := range pressureOf {
			stats.ConnectionsClosed[why] += d.closed[from].Load()
		}
	}
}

// AdminConnections is how many connections ServeAdmin lets in at once.
const AdminConnections = 16

// Serve serves HTTP on the listeners, of which there is at least one, until the server is
// closed, as [http.Server.Serve] does; or HTTPS, as [http.Server.ServeTLS] does, if the
// server has a TLSConfig, except on Unix sockets. It admits at most
// Options.MaxConnections connections that carry neither a stream nor a held request, see
// Admit. At that limit a new connection takes the room of another one: of the connection
// that has been idle longest, else of one that has sent no request for a while, else of
// one whose TLS handshake takes long, else of one whose request takes longer than requests
// usually take. If there is no such connection, the new one is closed. When there are many
// connections, idle ones are closed after a few seconds. An error of accept ends nothing.
// It is counted, and the log reports it now and then.
//
// A quarter of the connections, and 256 for each processor, may be in a TLS handshake at
// once, or between it and their first request. Others wait for their turn, those of an
// address with few handshakes before those of one with many. While one waits, a handshake
// is ended that has taken a quarter of a second if its address has more of them, and a
// second in any case.
//
// Serve sets ConnContext, ConnState and TLSConfig of the server, and wraps its Handler. A
// connection is handed over only if it is a *net.TCPConn, or a wrapper that changes no byte after the first one
// that is read and says so by a method TCPConn, as those of the PROXY protocol do; or if it
// has TLS on such a connection, and HTTP/1.1.
func (e *Engine) Serve(server *http.Server, listeners ...net.Listener) error {
	return e.admission.serve(server, listeners, e.opts.MaxConnections)
}

// ServeAdmin is Serve for listeners that have to answer whatever happens at the other
// ones. It has room for AdminConnections of its own.
func (e *Engine) ServeAdmin(server *http.Server, listeners ...net.Listener) error {
	return e.admission.serve(server, listeners, AdminConnections)
}

// Admit gives a place, as a client has it, to a request that is held for long and is no
// stream. ctx is the context of the request, and address that of its client as in
// Request. The caller must call release, once. Errors: ErrDraining, ErrTooManyClients,
// ErrTooManyOfAddress.
func (e *Engine) Admit(ctx context.Context, address netip.Addr) (release func(), err error) {
	if err := e.admission.enter(address); err != nil {
		return nil, err
	}
	c := connectionOf(ctx)
	c.hold()
	return func() {
		c.release()
		e.admission.leave(address)
	}, nil
}

package guard

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Options say what a Guard refuses in addition to what it always refuses, and how it
// reaches the network. New copies them.
type Options struct {
	// DenyPrivate refuses all private addresses, loopback included.
	DenyPrivate bool

	// AllowPrivate lists networks that DenyPrivate does not refuse. It changes nothing
	// else: addresses that are always refused stay refused. IPv4 networks are written
	// as IPv4.
	AllowPrivate []netip.Prefix

	// Resolver turns names into addresses. Nil means net.DefaultResolver.
	Resolver Resolver

	// Dial connects to an address, never to a name, after it has been checked. Nil
	// means a net.Dialer that checks it once more.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Places bounds the open connections of all Guards that share it. Nil means no
	// bound.
	Places *Places

	// CloseIdle closes the connections that are not in use, to free places. It must
	// be set if Places is.
	CloseIdle func()
}

// Resolver is the method of *net.Resolver. The network is always "ip".
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// RefusedError says which address was refused and why. It is for operators.
type RefusedError struct {
	Addr   netip.Addr // not valid if the host is neither an address nor a name
	Reason string
}

func (e *RefusedError) Error() string { return "guard: " + e.Words() }

// Words returns the error as a sentence, without the name of the package.
func (e *RefusedError) Words() string {
	if !e.Addr.IsValid() {
		return "the host is refused: " + e.Reason
	}
	return fmt.Sprintf("the address %v is refused: %s", e.Addr, e.Reason)
}

// Guard checks addresses, and connects to those that pass.
type Guard struct {
	denyPrivate  bool
	allowPrivate []netip.Prefix
	resolver     Resolver
	dial         func(ctx context.Context, network, address string) (net.Conn, error)
	places       *Places
	closeIdle    func()

	mu        sync.Mutex
	wasPublic map[string]bool // names that had a public address
}

// New returns a Guard. It connects to nothing.
func New(opts Options) *Guard {
	g := &Guard{
		denyPrivate:  opts.DenyPrivate,
		allowPrivate: slices.Clone(opts.AllowPrivate),
		resolver:     opts.Resolver,
		dial:         opts.Dial,
		places:       opts.Places,
		closeIdle:    opts.CloseIdle,
		wasPublic:    make(map[string]bool),
	}
	if g.resolver == nil {
		g.resolver = net.DefaultResolver
	}
	if g.dial == nil {
		g.dial = (&net.Dialer{ControlContext: g.control}).DialContext
	}
	return g
}

// CheckHost checks a host that is written as an address, with or without brackets, in any
// form that the WHATWG URL Standard knows, such as 127.1, 0x7f000001 and 2130706433. A host
// that ends in a number and is no address is refused. The error is a *RefusedError. A name
// passes: it is checked when it is resolved.
func (g *Guard) CheckHost(ctx context.Context, host string) error {
	addr, written := hostOf(host)
	if !written {
		return nil
	}
	if !addr.IsValid() {
		countRefusal(ctx)
		return &RefusedError{Reason: "it ends in a number, and is no address"}
	}
	_, err := g.admit(ctx, "", []netip.Addr{addr})
	return err
}

// control checks the address to which a net.Dialer is about to connect.
func (g *Guard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	_, err = g.admit(ctx, "", []netip.Addr{at.Addr()})
	return err
}

// admit returns the addresses that may be dialled, or why none may. name is empty if
// the addresses are not those of a name.
func (g *Guard) admit(ctx context.Context, name string, addrs []netip.Addr) ([]netip.Addr, error) {
	wasPublic := name != "" && g.remember(name, addrs)
	var admitted []netip.Addr
	var first error
	for _, addr := range addrs {
		if reason := g.objection(addr, afterPublic(ctx), wasPublic); reason == "" {
			admitted = append(admitted, addr)
		} else if first == nil {
			first = &RefusedError{Addr: addr, Reason: reason}
		}
	}
	if first != nil {
		countRefusal(ctx)
	}
	if len(admitted) > 0 {
		return admitted, nil
	}
	return nil, first
}

// objection returns why an address is refused; "" if it is not.
func (g *Guard) objection(addr netip.Addr, afterPublic, wasPublic bool) string {
	switch k, reason := kindOf(addr); {
	case k == forbidden:
		return reason
	case k == public:
		return ""
	case afterPublic:
		return "private, after a redirect from a public one"
	case wasPublic:
		return "private, but the name has had a public one"
	case g.denyPrivate && !g.allowed(addr):
		return "private, which the configuration denies"
	}
	return ""
}

func (g *Guard) allowed(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	return slices.ContainsFunc(g.allowPrivate, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// remember reports whether a name has had a public address, now or before.
func (g *Guard) remember(name string, addrs []netip.Addr) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	isPublic := slices.ContainsFunc(addrs, func(addr netip.Addr) bool {
		k, _ := kindOf(addr)
		return k == public
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	if isPublic {
		g.wasPublic[name] = true
	}
	return g.wasPublic[name]
}

func literal(host string) (netip.Addr, bool) {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	addr, err := netip.ParseAddr(host)
	return addr, err == nil
}

type afterPublicKey struct{}

// AfterPublic returns a context for a request that follows a redirect from a
// public address: with it, private addresses are refused.
func AfterPublic(ctx context.Context) context.Context {
	return context.WithValue(ctx, afterPublicKey{}, true)
}

type refusalsKey struct{}

// CountRefusals returns a context with which a refusal counts: an answer of the resolver
// with at least one refused address, a host that is a refused address, and a connection.
func CountRefusals(ctx context.Context, refusals *atomic.Uint64) context.Context {
	return context.WithValue(ctx, refusalsKey{}, refusals)
}

func countRefusal(ctx context.Context) {
	if refusals, ok := ctx.Value(refusalsKey{}).(*atomic.Uint64); ok {
		refusals.Add(1)
	}
}

func afterPublic(ctx context.Context) bool { return ctx.Value(afterPublicKey{}) != nil }

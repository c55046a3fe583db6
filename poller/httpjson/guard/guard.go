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

// Options say what a Guard refuses beyond what it always does, and how it gets
// at the network. New copies them.
type Options struct {
	// DenyPrivate refuses all private addresses, loopback included.
	DenyPrivate bool

	// AllowPrivate lists what DenyPrivate does not refuse. It changes nothing
	// else: what is always refused stays so. IPv4 prefixes are written as such.
	AllowPrivate []netip.Prefix

	// Resolver turns names into addresses. Nil means net.DefaultResolver.
	Resolver Resolver

	// Dial connects to an address, never to a name, after it has been judged.
	// Nil means a net.Dialer that judges it once more.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Resolver is what *net.Resolver has. The network is always "ip".
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// RefusedError says which address was refused and why. It is for operators.
type RefusedError struct {
	Addr   netip.Addr
	Reason string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("guard: address %v refused: %s", e.Addr, e.Reason)
}

// Guard judges addresses, and connects to those that pass.
type Guard struct {
	denyPrivate  bool
	allowPrivate []netip.Prefix
	resolver     Resolver
	dial         func(ctx context.Context, network, address string) (net.Conn, error)
	refused      atomic.Uint64

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

// Refused returns how often something was refused: an answer of the resolver
// with at least one such address in it, a host that is one, or a connection.
func (g *Guard) Refused() uint64 { return g.refused.Load() }

// CheckHost judges a host that is written as an address, with or without
// brackets. The error is a *RefusedError. A name passes: it is judged when it
// is resolved.
func (g *Guard) CheckHost(ctx context.Context, host string) error {
	addr, ok := literal(host)
	if !ok {
		return nil
	}
	_, err := g.judge(ctx, "", []netip.Addr{addr})
	return err
}

// control judges what a net.Dialer is about to connect to.
func (g *Guard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	_, err = g.judge(ctx, "", []netip.Addr{at.Addr()})
	return err
}

// judge returns those of the addresses that may be dialled, or why none may. The
// name is empty if there is none.
func (g *Guard) judge(ctx context.Context, name string, addrs []netip.Addr) ([]netip.Addr, error) {
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
		g.refused.Add(1)
	}
	if len(admitted) > 0 {
		return admitted, nil
	}
	return nil, first
}

// objection returns why an address is refused, or nothing.
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

// remember reports whether a name has ever had a public address, now included.
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

func afterPublic(ctx context.Context) bool { return ctx.Value(afterPublicKey{}) != nil }

package handlers

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/polluxhub/pollux/hub"
)

// DefaultNewKeysPerSecond is the default of Options.NewKeysPerSecond.
const DefaultNewKeysPerSecond = 50

// The bounds of keyGate.
const (
	keyBurst   = 10 * time.Second // how long an address may save up new keys
	maxCallers = 10_000           // addresses whose rate is known
	prefixIPv6 = 64               // of an address: one site has all addresses with the same one

	keyWarnEvery = time.Minute
)

// errTooManyNewKeys is the error for a client that asks for new keys too fast.
var errTooManyNewKeys = errors.New("handlers: too many new keys")

// isAboutKeys reports whether a client is not admitted because of its keys.
func isAboutKeys(err error) bool {
	return errors.Is(err, errTooManyNewKeys) || errors.Is(err, hub.ErrTooManyKeys)
}

// keyGate limits the rate at which the clients of one address make keys exist. A client
// that asks for one key after the other, such as a crawler, thereby costs a bounded
// number of requests to upstreams.
type keyGate struct {
	perSecond int
	warn      rate.Sometimes

	mu      sync.Mutex
	callers map[netip.Addr]*rate.Limiter
	others  *rate.Limiter // of all addresses for which there is no room
	full    time.Time     // while there is no room: no known address admits a full burst before
}

func newKeyGate(perSecond int) *keyGate {
	g := &keyGate{perSecond: perSecond, warn: rate.Sometimes{Interval: keyWarnEvery}, callers: make(map[netip.Addr]*rate.Limiter)}
	g.others = g.limiter()
	return g
}

// limiter returns the limiter for one more address. It admits as many keys at once as a
// connection can have.
func (g *keyGate) limiter() *rate.Limiter {
	burst := max(g.perSecond*int(keyBurst/time.Second), hub.MaxStreamsPerSubscription)
	return rate.NewLimiter(rate.Limit(g.perSecond), burst)
}

// allows reports whether a client may make that many keys exist, and counts them.
func (g *keyGate) allows(address netip.Addr, keys int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	return g.of(site(address), now).AllowN(now, keys)
}

// of returns the limiter of an address. At the bound it forgets those that admit a full
// burst, because a new one would too. The caller holds the lock.
func (g *keyGate) of(caller netip.Addr, now time.Time) *rate.Limiter {
	if known := g.callers[caller]; known != nil {
		return known
	}
	if len(g.callers) >= maxCallers && !now.Before(g.full) {
		g.forget(now)
	}
	if len(g.callers) >= maxCallers {
		return g.others
	}
	limiter := g.limiter()
	g.callers[caller] = limiter
	return limiter
}

// forget removes the addresses that admit a full burst. If there is none, it notes when
// it is worth another look. The caller holds the lock.
func (g *keyGate) forget(now time.Time) {
	least := float64(g.others.Burst())
	for address, limiter := range g.callers {
		missing := float64(limiter.Burst()) - limiter.TokensAt(now)
		if least = min(least, missing); missing <= 0 {
			delete(g.callers, address)
		}
	}
	g.full = now.Add(time.Duration(max(0, least) / float64(g.perSecond) * float64(time.Second)))
}

// site returns the address that counts for an address: of IPv6 its prefix.
func site(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	prefix, err := address.Prefix(prefixIPv6)
	if err != nil {
		return address
	}
	return prefix.Addr()
}

// admitKeys returns errTooManyNewKeys if a request would make more keys exist than its
// client may.
func (s *server) admitKeys(r *http.Request, names ...string) error {
	fresh := 0
	for _, name := range names {
		if _, key := hub.SplitName(name); key != "" && !s.Hub.HasStream(name) && s.Hub.Takes(name) {
			fresh++
		}
	}
	if fresh == 0 || s.keys.allows(s.address(r), fresh) {
		return nil
	}
	s.keys.warn.Do(func() {
		s.Logger.Warn("client asks for too many new keys", "address", s.address(r), "new_keys_per_second", s.NewKeysPerSecond,
			"hint", "if this is the address of a proxy, name it in trusted_proxies")
	})
	return errTooManyNewKeys
}

// streamParam returns the name of the stream in the path of a request: NAME, or NAME/KEY.
func streamParam(c echo.Context) string {
	name := c.Param("name")
	if !slices.Contains(c.ParamNames(), "key") {
		return name
	}
	key := c.Param("key")
	if c.Request().URL.RawPath != "" { // then it is still encoded
		if plain, err := url.PathUnescape(key); err == nil {
			key = plain
		}
	}
	return name + "/" + key
}

// names returns what clients can subscribe to: plain streams, and NAME/{key} for a stream
// with keys.
func (s *server) names() []string {
	names := s.Hub.StreamNames()
	for _, keyed := range s.Hub.KeyStreams() {
		names = append(names, keyed.Name+"/{key}")
	}
	slices.Sort(names)
	return names
}

// keyStream returns the stream with keys that a name belongs to: its own, or that of one
// of its keys.
func (s *server) keyStream(name string) (keyed hub.KeyStream, ok bool) {
	stream, _ := hub.SplitName(name)
	all := s.Hub.KeyStreams()
	i := slices.IndexFunc(all, func(k hub.KeyStream) bool { return k.Name == stream })
	if i < 0 {
		return hub.KeyStream{}, false
	}
	return all[i], true
}

package handlers

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

const (
	// saved is for how long a caller may save up what it is allowed, before it is
	// limited: clients of one address return together after a restart.
	saved = 10 * time.Second

	maxCallers = 10_000 // whose rate is known
)

// rates limits how often each caller may do something. A caller is an address or a
// token. It is safe for concurrent use. Nil allows everything.
type rates[Caller comparable] struct {
	perSecond, burst int

	mu     sync.Mutex
	known  map[Caller]*rate.Limiter
	others *rate.Limiter // of all callers for which there is no room
	full   time.Time     // while there is no room: no known caller is allowed a full burst before
}

// newRates returns nil if perSecond is 0.
func newRates[Caller comparable](perSecond, burst int) *rates[Caller] {
	if perSecond == 0 {
		return nil
	}
	r := &rates[Caller]{perSecond: perSecond, burst: burst, known: make(map[Caller]*rate.Limiter)}
	r.others = r.limiter()
	return r
}

func (r *rates[Caller]) limiter() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(r.perSecond), r.burst)
}

// allows reports whether a caller may do it n times now, and counts that.
func (r *rates[Caller]) allows(caller Caller, n int) bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	return r.of(caller, now).AllowN(now, n)
}

// of returns the limiter of a caller. At the bound it forgets those that allow a full
// burst, because a new one would too. The lock is held.
func (r *rates[Caller]) of(caller Caller, now time.Time) *rate.Limiter {
	if known := r.known[caller]; known != nil {
		return known
	}
	if len(r.known) >= maxCallers && !now.Before(r.full) {
		r.forget(now)
	}
	if len(r.known) >= maxCallers {
		return r.others
	}
	limiter := r.limiter()
	r.known[caller] = limiter
	return limiter
}

// forget removes the callers that are allowed a full burst. If there is no such caller, it notes
// when it is worth another look. The lock is held.
func (r *rates[Caller]) forget(now time.Time) {
	least := float64(r.burst)
	for caller, limiter := range r.known {
		missing := float64(limiter.Burst()) - limiter.TokensAt(now)
		if least = min(least, missing); missing <= 0 {
			delete(r.known, caller)
		}
	}
	r.full = now.Add(time.Duration(max(0, least) / float64(r.perSecond) * float64(time.Second)))
}

// callers limits what callers do.
type callers struct {
	keys     *rates[netip.Addr]        // new keys
	connects *rates[netip.Addr]        // new streams
	publish  *rates[[sha256.Size]byte] // by digests of tokens
	warn     rate.Sometimes            // tells the log that an address is limited
}

// limitWarnEvery is how often the log says at most that an address is limited.
const limitWarnEvery = time.Minute

func newCallers(o Options) callers {
	inSaved := func(perSecond int) int { return perSecond * int(saved/time.Second) }
	return callers{
		// A connection can have so many keys.
		keys:     newRates[netip.Addr](o.NewKeysPerSecond, max(inSaved(o.NewKeysPerSecond), hub.MaxStreamsPerSubscription)),
		connects: newRates[netip.Addr](o.ConnectsPerSecond, inSaved(o.ConnectsPerSecond)),
		publish:  newRates[[sha256.Size]byte](o.PublishesPerSecond, o.PublishesPerSecond),
		warn:     rate.Sometimes{Interval: limitWarnEvery},
	}
}

// warnOf tells the log that an address is limited, and by which setting.
func (s *server) warnOf(address netip.Addr, setting string) {
	s.callers.warn.Do(func() {
		s.Logger.Warn("client refused because of its address", "address", address, "setting", setting,
			"hint", "if this is the address of a proxy, name it in trusted_proxies")
	})
}

// admitConnect returns errTooManyConnects for a client whose address asks for streams too
// fast, whether it gets them or not.
func (s *server) admitConnect(address netip.Addr) error {
	if !address.IsValid() || s.callers.connects.allows(fanout.Site(address), 1) {
		return nil
	}
	return errTooManyConnects
}

package auth

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// How often a set of keys is fetched.
const (
	keysEvery   = time.Hour        // without a reason
	keysAtLeast = 30 * time.Second // apart, because a token names a key that is unknown, or after a failure
	keysWait    = 5 * time.Second  // how long such a token waits for them

	// maxKeys is the largest number of keys in a set. A token without a key ID is tried
	// with each.
	maxKeys = 32
)

// ErrUnavailable means that the keys of the issuer are not known yet, so no token can be
// checked.
var ErrUnavailable = errors.New("auth: the keys of the issuer could not be fetched yet")

// errNoKeys is the error for a set without a key that can be used.
var errNoKeys = errors.New("auth: the set has no key of the algorithm")

// keySet is a set of keys that is fetched again and again. Run fetches, others wait.
type keySet struct {
	fetch     func(ctx context.Context) ([]byte, error)
	algorithm string
	wanted    chan struct{} // has a value: a token names a key that is unknown

	fetched, failed atomic.Uint64 // fetches

	mu    sync.Mutex
	keys  keyfunc.Keyfunc // nil before the first success
	asked time.Time       // when the last fetch began
	busy  bool            // it has not ended
	next  chan struct{}   // closed when the next fetch has ended
}

func newKeySet(fetch func(ctx context.Context) ([]byte, error), algorithm string) *keySet {
	return &keySet{fetch: fetch, algorithm: algorithm, wanted: make(chan struct{}, 1), next: make(chan struct{})}
}

// run fetches the keys until ctx ends. told is that of Verifier.Run.
func (k *keySet) run(ctx context.Context, told func(known bool, err error)) {
	well := false
	for {
		known, err := k.update(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := keysEvery
		if err != nil {
			wait = keysAtLeast
		}
		if err != nil || !well {
			told(known, err)
		}
		well = err == nil
		if !k.pause(ctx, wait) {
			return
		}
	}
}

// pause waits until the keys have to be fetched. It returns false if ctx has ended.
func (k *keySet) pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.wanted: // which nobody sends before the time has come
		return true
	case <-ctx.Done():
		return false
	}
}

// update fetches the keys once, and returns whether there are any now. After a failure the old
// ones stay.
func (k *keySet) update(ctx context.Context) (known bool, err error) {
	k.mu.Lock()
	k.asked, k.busy = time.Now(), true
	select {
	case <-k.wanted: // this is the fetch that was wanted
	default:
	}
	k.mu.Unlock()
	text, err := k.fetch(ctx)
	var keys keyfunc.Keyfunc
	if err == nil {
		keys, err = parseKeys(text, k.algorithm)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy = false
	if err == nil {
		k.keys = keys
		k.fetched.Add(1)
	} else if ctx.Err() == nil {
		k.failed.Add(1)
	}
	close(k.next)
	k.next = make(chan struct{})
	return k.keys != nil, err
}

// parseKeys returns the keys of a set that verify signatures of one algorithm. Others,
// such as those for encryption, must not take the place of one that has the same ID. If
// two of them have the same ID, neither counts: nobody could know which one is meant.
func parseKeys(text []byte, algorithm string) (keyfunc.Keyfunc, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("auth: not a JSON Web Key Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("auth: the set has %d keys, want at most %d", len(set.Keys), maxKeys)
	}
	count := make(map[string]int)
	var usable []jwkset.JWK
	for _, raw := range set.Keys {
		if key, ok := parseKey(raw, algorithm); ok {
			usable = append(usable, key)
			count[key.Marshal().KID]++
		}
	}
	usable = slices.DeleteFunc(usable, func(key jwkset.JWK) bool { id := key.Marshal().KID; return id != "" && count[id] > 1 })
	if len(usable) == 0 {
		return nil, errNoKeys
	}
	storage := jwkset.NewMemoryStorage()
	if err := storage.KeyReplaceAll(context.Background(), usable); err != nil {
		return nil, err
	}
	return keyfunc.New(keyfunc.Options{Storage: storage})
}

// parseKey parses one key of a set. It reports false for one that does not verify
// signatures of the algorithm. Nothing that the key refers to is fetched.
func parseKey(raw json.RawMessage, algorithm string) (jwkset.JWK, bool) {
	var one jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &one); err != nil {
		return jwkset.JWK{}, false
	}
	one.X5U, one.X5C, one.X5T, one.X5TS256 = "", nil, "", ""
	isSigning := one.USE == "" || one.USE == jwkset.UseSig
	if !isSigning || one.ALG != "" && one.ALG.String() != algorithm {
		return jwkset.JWK{}, false
	}
	key, err := jwkset.NewJWKFromMarshal(one, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return jwkset.JWK{}, false
	}
	public := key.Key()
	if private, ok := public.(interface{ Public() crypto.PublicKey }); ok {
		public = private.Public()
	}
	return key, slices.Contains(algorithmsOf(public), algorithm)
}

// find returns the key of a token. If its ID is unknown, the keys are fetched again, unless
// that was a moment ago, and the token waits for them.
func (k *keySet) find(ctx context.Context, t *jwt.Token) (any, error) {
	key, err := k.look(t)
	if err == nil || !k.refresh(ctx) {
		return key, err
	}
	return k.look(t)
}

func (k *keySet) look(t *jwt.Token) (any, error) {
	k.mu.Lock()
	keys := k.keys
	k.mu.Unlock()
	if keys == nil {
		return nil, ErrUnavailable
	}
	return keys.Keyfunc(t)
}

// refresh has the keys fetched, and waits for them. It reports false if they were fetched a
// moment ago.
func (k *keySet) refresh(ctx context.Context) bool {
	k.mu.Lock()
	next := k.next
	switch {
	case k.busy:
	case time.Since(k.asked) < keysAtLeast:
		next = nil
	default:
		select {
		case k.wanted <- struct{}{}:
		default:
		}
	}
	k.mu.Unlock()
	if next == nil {
		return false
	}
	timer := time.NewTimer(keysWait)
	defer timer.Stop()
	select {
	case <-next:
	case <-timer.C:
	case <-ctx.Done():
	}
	return true
}

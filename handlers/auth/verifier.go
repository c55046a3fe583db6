package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"
)

// maxToken is the largest size of a token, in bytes. Nothing of a longer one is looked
// at.
const maxToken = 8 << 10

// Options configure a Verifier. New copies them.
type Options struct {
	// Static are the tokens that are no JWT.
	Static []Static

	// JWT says which JSON Web Tokens are valid. Nil means none.
	JWT *JWT
}

// Verifier tells what the bearer of a token can do. It is safe for concurrent use.
type Verifier struct {
	// salt hides which digests are near that of a guess from a client that measures how
	// long a look-up takes.
	salt   [sha256.Size]byte
	static atomic.Pointer[map[Holder]Static]
	jwt    *jwtVerifier // nil: no JWT is valid
}

// New returns a Verifier. It starts nothing: with JWT.Keys, Run has to run.
func New(opts Options) (*Verifier, error) {
	v := new(Verifier)
	_, _ = rand.Read(v.salt[:]) // never fails
	if opts.JWT != nil {
		var err error
		if v.jwt, err = newJWT(*opts.JWT); err != nil {
			return nil, err
		}
	}
	return v, v.SetStatic(opts.Static)
}

// Run fetches the keys of JWT.Keys: at once, each hour, and when a token names a key that
// is unknown, but at most twice a minute. It returns when ctx ends. Without JWT.Keys it
// does nothing until then. told is called after each failure, with whether keys from before
// stay in force, and after the first success and each one that follows a failure, with a nil
// error. It starts no goroutine.
func (v *Verifier) Run(ctx context.Context, told func(known bool, err error)) {
	if v.jwt == nil || v.jwt.keys == nil {
		<-ctx.Done()
		return
	}
	v.jwt.keys.run(ctx, told)
}

// Fetches returns how many times JWT.Keys has been called, by its result. They are zero
// without it.
func (v *Verifier) Fetches() (ok, failed uint64) {
	if v.jwt == nil || v.jwt.keys == nil {
		return 0, 0
	}
	return v.jwt.keys.fetched.Load(), v.jwt.keys.failed.Load()
}

// SetStatic replaces the static tokens. What is left of the grants of the old ones, Renew
// tells.
func (v *Verifier) SetStatic(all []Static) error {
	use, err := v.PrepareStatic(all)
	if err == nil {
		use()
	}
	return err
}

// PrepareStatic is SetStatic in two steps: the tokens are checked, and use replaces the old
// ones.
func (v *Verifier) PrepareStatic(all []Static) (use func(), err error) {
	set := make(map[Holder]Static, len(all))
	for _, s := range all {
		if err := s.Check(); err != nil {
			return nil, fmt.Errorf("auth: token %q: %w", s.Name, err)
		}
		set[v.place(s.Digest)] = s
	}
	return func() { v.static.Store(&set) }, nil
}

// place returns the key of a digest in the map of static tokens.
func (v *Verifier) place(digest Holder) Holder {
	return sha256.Sum256(append(v.salt[:], digest[:]...))
}

// Verify returns what the bearer of a token can do. The error is ErrMissing for an empty
// token, ErrUnavailable, or wraps ErrWrong. It quotes nothing of the token. It waits at
// most five seconds, where the token names a key that is not known.
func (v *Verifier) Verify(ctx context.Context, token string) (Grant, error) {
	switch {
	case token == "":
		return Grant{}, ErrMissing
	case len(token) > maxToken:
		return Grant{}, fmt.Errorf("%w: too long", ErrWrong)
	}
	holder := HolderOf(token)
	grant, ok := v.staticGrant(holder)
	switch {
	case !ok && v.jwt != nil:
		grant, err := v.jwt.verify(ctx, token)
		grant.Holder = holder
		return grant, err
	case !ok:
		return Grant{}, ErrWrong
	case grant.endsBy(time.Now()):
		return Grant{}, fmt.Errorf("%w: expired", ErrWrong)
	}
	return grant, nil
}

// Renew returns what the bearer of a grant can do now, which may have changed if the token
// is a static one. It reports false if the grant has ended, or the token is not there any
// more. It does not wait.
func (v *Verifier) Renew(grant Grant) (now Grant, ok bool) {
	if grant.static {
		if grant, ok = v.staticGrant(grant.Holder); !ok {
			return Grant{}, false
		}
	}
	if grant.endsBy(time.Now()) {
		return Grant{}, false
	}
	return grant, true
}

// staticGrant returns what a static token grants.
func (v *Verifier) staticGrant(holder Holder) (Grant, bool) {
	s, ok := (*v.static.Load())[v.place(holder)]
	return Grant{Subscribe: s.Subscribe, Publish: s.Publish, Expires: s.Expires, Holder: holder, static: true}, ok
}

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
	// salt hides from whoever measures how long a look-up takes which digests are near
	// that of his guess.
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

// SetStatic replaces the static tokens. A stream that one of the old tokens has opened
// goes on.
func (v *Verifier) SetStatic(all []Static) error {
	set := make(map[Holder]Static, len(all))
	for _, s := range all {
		if err := s.Check(); err != nil {
			return fmt.Errorf("auth: token %q: %w", s.Name, err)
		}
		set[v.place(s.Digest)] = s
	}
	v.static.Store(&set)
	return nil
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
	s, ok := (*v.static.Load())[v.place(holder)]
	switch {
	case !ok && v.jwt != nil:
		grant, err := v.jwt.verify(ctx, token)
		grant.Holder = holder
		return grant, err
	case !ok:
		return Grant{}, ErrWrong
	}
	grant := Grant{Subscribe: s.Subscribe, Publish: s.Publish, Expires: s.Expires, Holder: holder}
	if grant.endsBy(time.Now()) {
		return Grant{}, fmt.Errorf("%w: expired", ErrWrong)
	}
	return grant, nil
}

package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// MinSecret is the least size of the secret of HS256, in bytes (RFC 7518 3.2).
	MinSecret = 32

	minRSA = 2048 // bits (RFC 7518 3.3)

	// skew is how far the clock of an issuer may be ahead when it says from when on a
	// token is valid. When it ends is exact.
	skew = 5 * time.Second
)

// Algorithms are the names of the algorithms by which a token can be signed (RFC 7518
// section 3.1, RFC 8037).
func Algorithms() []string {
	return []string{"HS256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// JWT says which JSON Web Tokens (RFC 7519) are valid: those of one issuer, for one
// audience, that are signed by one algorithm and have a time of expiry. Exactly one of
// Secret, PublicKey and Keys must be set.
type JWT struct {
	// Algorithm is one of Algorithms. Whatever else a token names is refused. Empty means
	// HS256 with a Secret, RS256 with Keys, and with a PublicKey what fits its kind.
	Algorithm string

	// Secret is the key of HS256: at least MinSecret bytes.
	Secret []byte

	// PublicKey is a public key or a certificate, as PEM.
	PublicKey []byte

	// Keys fetches a JSON Web Key Set (RFC 7517). Run calls it. It should bound what it
	// reads, and refuse to be redirected to where the issuer is not.
	Keys func(ctx context.Context) ([]byte, error)

	// Issuer and Audience are required. A token has to name both.
	Issuer, Audience string
}

// Errors about a JWT.
var (
	errKeySource = errors.New("auth: want one of a secret, a public key and a set of keys")
	errIssuer    = errors.New("auth: want an issuer and an audience, which each token has to name")
	errSecret    = fmt.Errorf("auth: want a secret of at least %d bytes", MinSecret)
	errPublicKey = errors.New("auth: want a public key or a certificate as PEM: RSA of at least 2048 bits, ECDSA or Ed25519")
)

// jwtVerifier checks tokens of one issuer.
type jwtVerifier struct {
	parser *jwt.Parser
	key    any     // nil with keys
	keys   *keySet // nil with key
}

func newJWT(o JWT) (*jwtVerifier, error) {
	sources := 0
	for _, set := range []bool{len(o.Secret) > 0, len(o.PublicKey) > 0, o.Keys != nil} {
		if set {
			sources++
		}
	}
	switch {
	case sources != 1:
		return nil, errKeySource
	case o.Issuer == "" || o.Audience == "":
		return nil, errIssuer
	}
	v := new(jwtVerifier)
	algorithm := o.Algorithm
	var fitting []string
	switch {
	case o.Keys != nil:
		fitting = slices.DeleteFunc(Algorithms(), func(name string) bool { return name == "HS256" })
	case len(o.Secret) > 0:
		if len(o.Secret) < MinSecret {
			return nil, errSecret
		}
		v.key, fitting = slices.Clone(o.Secret), []string{"HS256"}
	default:
		key, err := parsePublicKey(o.PublicKey)
		if err != nil {
			return nil, err
		}
		v.key, fitting = key, algorithmsOf(key)
	}
	if algorithm == "" && len(fitting) > 0 {
		algorithm = fitting[0]
	}
	if !slices.Contains(fitting, algorithm) {
		return nil, fmt.Errorf("auth: the algorithm does not fit the key, want one of %v", fitting)
	}
	if o.Keys != nil {
		v.keys = newKeySet(o.Keys, algorithm)
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{algorithm}),
		jwt.WithIssuer(o.Issuer),
		jwt.WithAudience(o.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(skew),
		jwt.WithStrictDecoding(),
	)
	return v, nil
}

// parsePublicKey parses a key that is good enough.
func parsePublicKey(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errPublicKey
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	}
	if err != nil {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errPublicKey
		}
		key = certificate.PublicKey
	}
	if len(algorithmsOf(key)) == 0 {
		return nil, errPublicKey
	}
	return key, nil
}

// algorithmsOf returns the algorithms of a public key, the usual one first; none for a key
// that is too weak.
func algorithmsOf(key crypto.PublicKey) []string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSA {
			return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
		}
	case *ecdsa.PublicKey:
		switch key.Params().BitSize {
		case 256:
			return []string{"ES256"}
		case 384:
			return []string{"ES384"}
		case 521:
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}

// verify returns what a token grants. The error wraps ErrWrong or is ErrUnavailable. Of the
// token it says only which check has failed.
func (v *jwtVerifier) verify(ctx context.Context, token string) (Grant, error) {
	claims := make(jwt.MapClaims) // whose names are exact, unlike those of a struct
	_, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if _, critical := t.Header["crit"]; critical {
			return nil, jwt.ErrTokenUnverifiable // RFC 7515 4.1.11: nothing there is understood
		}
		if v.keys == nil {
			return v.key, nil
		}
		return v.keys.find(ctx, t)
	})
	if err != nil {
		return Grant{}, reasonOf(err)
	}
	grant := Grant{}
	end, err := claims.GetExpirationTime()
	if err != nil || end == nil {
		return Grant{}, fmt.Errorf("%w: claims", ErrWrong)
	}
	grant.Expires = end.Time
	if grant.endsBy(time.Now()) {
		return Grant{}, fmt.Errorf("%w: expired", ErrWrong)
	}
	var ok bool
	if grant.Subscribe, ok = patternsOf(claims["subscribe"]); !ok {
		return Grant{}, fmt.Errorf("%w: claims", ErrWrong)
	}
	if grant.Publish, ok = patternsOf(claims["publish"]); !ok {
		return Grant{}, fmt.Errorf("%w: claims", ErrWrong)
	}
	return grant, nil
}

// reasonOf returns which check has failed, in our words: those of the library may quote
// the token.
func reasonOf(err error) error {
	reason := "malformed"
	switch {
	case errors.Is(err, ErrUnavailable):
		return ErrUnavailable
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet):
		reason = "expired, or not valid yet"
	case errors.Is(err, jwt.ErrTokenInvalidClaims):
		reason = "issuer, audience or claims"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		reason = "algorithm or signature"
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		reason = "unknown key"
	}
	return fmt.Errorf("%w: %s", ErrWrong, reason)
}

// patternsOf returns the patterns of a claim, which is an array of strings or missing.
func patternsOf(claim any) (Patterns, bool) {
	if claim == nil {
		return nil, true
	}
	array, ok := claim.([]any)
	if !ok || len(array) > MaxPatterns {
		return nil, false
	}
	patterns := make(Patterns, 0, len(array))
	for _, entry := range array {
		text, ok := entry.(string)
		if !ok || text == "" {
			return nil, false
		}
		patterns = append(patterns, text)
	}
	return patterns, true
}

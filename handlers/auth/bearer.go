// Package auth checks tokens and signatures. It imports no web framework.
//
// Its types are immutable after construction and safe for concurrent use. Neither its
// errors nor its types print a secret.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Errors of Bearer.Check and Signature.Check.
var (
	// ErrDisabled means that no token or secret is configured, so each request is
	// refused.
	ErrDisabled = errors.New("auth: nothing configured")

	// ErrMissing means that the request carries no bearer token or signature, or
	// repeats the header: a proxy could have checked another one of them.
	ErrMissing = errors.New("auth: no bearer token or signature")

	// ErrWrong means that the request carries a wrong token, or a signature of
	// another body or with another secret.
	ErrWrong = errors.New("auth: wrong bearer token or signature")
)

// Bearer accepts requests with one token, as RFC 6750 defines them. The zero value
// refuses each request.
type Bearer struct {
	digest [sha256.Size]byte
	set    bool
}

// NewBearer returns a Bearer for the token. White space around it is removed: no header
// can carry it, and files with secrets end in a newline. An empty token makes a Bearer
// that refuses each request.
func NewBearer(token string) Bearer {
	token = strings.TrimSpace(token)
	if token == "" {
		return Bearer{}
	}
	return Bearer{digest: sha256.Sum256([]byte(token)), set: true}
}

// IsSet reports whether there is a token.
func (b Bearer) IsSet() bool { return b.set }

// Check checks the header Authorization of a request. It returns nil, ErrDisabled,
// ErrMissing or ErrWrong. It compares digests, in constant time for all tokens of one
// length, so its duration reveals nothing about the token.
func (b Bearer) Check(header http.Header) error {
	if !b.set {
		return ErrDisabled
	}
	token, err := Token(header)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(digest[:], b.digest[:]) != 1 {
		return ErrWrong
	}
	return nil
}

// Token returns the bearer token in the header Authorization of a request (RFC 6750
// 2.1). It returns ErrMissing if there is no token, or more than one.
func Token(header http.Header) (string, error) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return "", ErrMissing
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", ErrMissing
	}
	return token, nil
}

// Format keeps the digest out of logs for each verb, because a weak token could be
// guessed from it.
func (b Bearer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Bearer") }

// Package auth decides who may do what. It knows tokens, not web frameworks.
//
// Its types are immutable after construction and safe for concurrent use. No
// error of this package carries a secret, and none of its types prints one.
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
	// ErrDisabled says that no token or secret was configured, so nobody is let
	// in.
	ErrDisabled = errors.New("auth: nothing configured")

	// ErrMissing says that the request carries no bearer token or signature, or
	// more than one field of that name, of which a proxy may have judged another
	// than we would.
	ErrMissing = errors.New("auth: no bearer token or signature")

	// ErrWrong says that the request carries another token, or the signature of
	// another body or secret.
	ErrWrong = errors.New("auth: wrong bearer token or signature")
)

// Bearer lets in whoever knows one token, as RFC 6750 says. The zero value lets
// in nobody.
type Bearer struct {
	digest [sha256.Size]byte
	set    bool
}

// NewBearer returns a Bearer for the token. White space around it does not
// count: no header could carry it, and files with secrets end in a newline. An
// empty token lets in nobody.
func NewBearer(token string) Bearer {
	token = strings.TrimSpace(token)
	if token == "" {
		return Bearer{}
	}
	return Bearer{digest: sha256.Sum256([]byte(token)), set: true}
}

// Check judges the Authorization field of a request. It returns nil,
// ErrDisabled, ErrMissing or ErrWrong, and takes the same time for every wrong
// token of one length: digests are compared, so nothing is learned from time.
func (b Bearer) Check(header http.Header) error {
	if !b.set {
		return ErrDisabled
	}
	values := header.Values("Authorization")
	if len(values) != 1 {
		return ErrMissing
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return ErrMissing
	}
	digest := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(digest[:], b.digest[:]) != 1 {
		return ErrWrong
	}
	return nil
}

// Format keeps the digest out of logs, whatever the verb: a weak token could be
// guessed from it.
func (b Bearer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Bearer") }

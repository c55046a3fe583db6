package auth

import (
	"crypto/sha256"
	"fmt"
	"io"
	"time"
)

// Grant is what a valid token allows.
type Grant struct {
	Subscribe Patterns // whose documents the caller can read
	Publish   Patterns // to which the caller can publish, and which it can have polled now

	// Expires is when the grant ends. The zero time means never.
	Expires time.Time

	// Holder is the same for two requests only if both carry the same token. It counts
	// what one token does, and is never shown.
	Holder Holder

	static bool // the token is one of Options.Static
}

// Holder stands for the bearer of one token. It is a digest of it.
type Holder [sha256.Size]byte

// HolderOf returns the Holder of a token.
func HolderOf(token string) Holder { return sha256.Sum256([]byte(token)) }

// Format keeps the digest out of logs for each verb.
func (h Holder) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Holder") }

// endsBy reports whether the grant has ended.
func (g Grant) endsBy(now time.Time) bool { return !g.Expires.IsZero() && !now.Before(g.Expires) }

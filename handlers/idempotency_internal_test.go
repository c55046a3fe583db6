package handlers

import (
	"crypto/sha256"
	"strconv"
	"testing"

	"github.com/polluxhub/pollux/handlers/auth"
)

// At the bound, the token that has the most keys loses its oldest one. So a token that sends
// as many as it can does not make the server forget those of another one.
func TestAttemptsAreBounded(t *testing.T) {
	var a attempts
	name := func(n int) [sha256.Size]byte { return sha256.Sum256([]byte(strconv.Itoa(n))) }
	sound, greedy := auth.HolderOf("sound"), auth.HolderOf("greedy")
	first, _ := a.begin(sound, name(-1), name(-1))
	a.end(first, 200, published{})
	for n := range 2 * maxIdempotency {
		if one, old := a.begin(greedy, name(n), name(n)); one == nil || old != nil {
			t.Fatalf("%d is known", n)
		}
	}
	check := func() {
		t.Helper()
		if all := a.holders[sound].Len() + a.holders[greedy].Len(); a.order.Len() != maxIdempotency || len(a.known) != maxIdempotency || all != maxIdempotency {
			t.Errorf("%d, %d and %d keys, want %d", a.order.Len(), len(a.known), all, maxIdempotency)
		}
	}
	check()
	if _, old := a.begin(sound, name(-1), name(0)); old == nil || !old.done {
		t.Error("the key of the other token is forgotten")
	}
	if _, old := a.begin(greedy, name(2*maxIdempotency-1), name(0)); old == nil {
		t.Error("the newest is forgotten")
	}
	if one, _ := a.begin(greedy, name(0), name(0)); one == nil {
		t.Error("the oldest is known")
	} else {
		check()
		a.forget(one)
		a.forget(one)
	}
	if n := a.order.Len(); n != maxIdempotency-1 || len(a.known) != n {
		t.Errorf("%d and %d keys", n, len(a.known))
	}
	a.forget(first)
	if a.holders[sound] != nil {
		t.Error("a token without keys is remembered")
	}
}

// A stream and a key cannot be divided in two ways.
func TestNamesOfAttempts(t *testing.T) {
	if nameOf([32]byte{}, "a", "bc") == nameOf([32]byte{}, "ab", "c") {
		t.Error("one name for two")
	}
}

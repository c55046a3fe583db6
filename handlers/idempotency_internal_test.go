package handlers

import (
	"crypto/sha256"
	"strconv"
	"testing"
)

// At the bound, the oldest key is forgotten for a new one.
func TestAttemptsAreBounded(t *testing.T) {
	var a attempts
	name := func(n int) [sha256.Size]byte { return sha256.Sum256([]byte(strconv.Itoa(n))) }
	for n := range maxIdempotency + 1 {
		if one, old := a.begin(name(n), name(n)); one == nil || old != nil {
			t.Fatalf("%d is known", n)
		}
	}
	if a.order.Len() != maxIdempotency || len(a.known) != maxIdempotency {
		t.Errorf("%d and %d keys, want %d", a.order.Len(), len(a.known), maxIdempotency)
	}
	if _, old := a.begin(name(maxIdempotency), name(0)); old == nil {
		t.Error("the newest is forgotten")
	}
	if one, _ := a.begin(name(0), name(0)); one == nil {
		t.Error("the oldest is known")
	} else {
		a.forget(one)
		a.forget(one)
	}
	if len(a.known) != a.order.Len() {
		t.Errorf("%d and %d keys", a.order.Len(), len(a.known))
	}
}

// A stream and a key cannot be divided in two ways.
func TestNamesOfAttempts(t *testing.T) {
	if nameOf([32]byte{}, "a", "bc") == nameOf([32]byte{}, "ab", "c") {
		t.Error("one name for two")
	}
}

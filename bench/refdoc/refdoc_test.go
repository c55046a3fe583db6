package refdoc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
)

type document struct {
	Quotes []struct {
		Symbol, Name string
		Price, Open  float64
		Volume       int
	}
}

func parse(t *testing.T, data []byte) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSize(t *testing.T) {
	s := New(Seed)
	for i := range 1000 {
		data := s.Next()
		if len(data) < 5100 || len(data) > 5300 {
			t.Fatalf("document %d has %d bytes, want 5.2 kB", i, len(data))
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, data); err != nil || !bytes.Equal(compact.Bytes(), data) {
			t.Fatalf("document %d is not compact JSON: %v", i, err)
		}
	}
}

func TestThreeChanges(t *testing.T) {
	s := New(Seed)
	before := parse(t, s.Next())
	if len(before.Quotes) != Quotes {
		t.Fatalf("%d quotes, want %d", len(before.Quotes), Quotes)
	}
	for i := range 1000 {
		after := parse(t, s.Next())
		changes := 0
		for j := range after.Quotes {
			was, is := before.Quotes[j], after.Quotes[j]
			if was != is {
				changes++
			}
			if is.Price <= 0 {
				t.Fatalf("document %d: the price of %s is %v", i, is.Symbol, is.Price)
			}
			was.Price = is.Price
			if was != is {
				t.Fatalf("document %d: more than the price of %s has changed", i, is.Symbol)
			}
		}
		if changes != Changes {
			t.Fatalf("document %d: %d changes, want %d", i, changes, Changes)
		}
		before = after
	}
}

// The digest is part of the contract: figures of two machines or two years are
// comparable because the documents are the same.
func TestDeterminism(t *testing.T) {
	const want = "fd72cdb725b027a6"
	digest := sha256.New()
	a, b := New(Seed), New(Seed)
	for i := range 100 {
		data := a.Next()
		if !bytes.Equal(data, b.Next()) {
			t.Fatalf("document %d differs between two sources of one seed", i)
		}
		digest.Write(data)
	}
	if got := hex.EncodeToString(digest.Sum(nil)[:8]); got != want {
		t.Errorf("the first 100 documents have the digest %s, want %s", got, want)
	}
	if bytes.Equal(New(Seed).Next(), New(Seed+1).Next()) {
		t.Error("another seed gives the same document")
	}
}

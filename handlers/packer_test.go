package handlers

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func unpack(t *testing.T, packed []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r) // which checks the checksum
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func noise(n int) []byte {
	random, text := rand.New(rand.NewPCG(1, 2)), make([]byte, n)
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	return text
}

// Compression is lossless. A text that is too short, or becomes no shorter, is not
// compressed.
func TestCompress(t *testing.T) {
	p := newPacker(1 << 20)
	for i, test := range []struct {
		text  []byte
		packs bool
	}{
		{nil, false},
		{bytes.Repeat([]byte("a"), minPacked-1), false},
		{bytes.Repeat([]byte("a"), minPacked), true},
		{bytes.Repeat([]byte("abcdefgh"), 1<<17), true},
		{noise(minPacked), false},
		{noise(300 << 10), false},
		{append(noise(250<<10), make([]byte, 100<<10)...), true},
		{append(noise(300<<10), make([]byte, 300<<10)...), false}, // shorter, but too large for the cache
	} {
		packed := p.get(t.Context(), packKey{event: fmt.Sprint(i)}, test.text)
		if (packed != nil) != test.packs {
			t.Errorf("%d: %d bytes became %d", i, len(test.text), len(packed))
		} else if packed != nil && unpack(t, packed) != string(test.text) {
			t.Errorf("%d: another text came out", i)
		}
	}
}

// Concurrent requests share one compression.
func TestPackIsMadeOnce(t *testing.T) {
	p := newPacker(1 << 20)
	text := bytes.Repeat([]byte("abcdefgh"), 1<<16)
	const callers = 100
	packs := make([][]byte, callers)
	var asking sync.WaitGroup
	for i := range callers {
		asking.Go(func() { packs[i] = p.get(context.Background(), packKey{"id", "/a"}, text) })
	}
	asking.Wait()
	for i := range callers {
		if len(packs[i]) == 0 || &packs[i][0] != &packs[0][0] {
			t.Fatalf("caller %d has a pack of its own", i)
		}
	}
	other := p.get(t.Context(), packKey{"id", "/b"}, text)
	if &other[0] == &packs[0][0] {
		t.Error("other fields got the same")
	}
}

// A request that waits for the pack of another one waits no longer than it lasts.
func TestPackIsNotWaitedForForEver(t *testing.T) {
	p := newPacker(1 << 20)
	p.find(packKey{event: "id"}) // which is never filled
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if packed := p.get(ctx, packKey{event: "id"}, bytes.Repeat([]byte("a"), minPacked)); packed != nil {
		t.Errorf("got %d bytes", len(packed))
	}
}

// The cache stays within its limit, and keeps the most recently used packs.
func TestPacksAreBounded(t *testing.T) {
	const limit = 100 << 10
	p := newPacker(limit)
	text := append(noise(10<<10), bytes.Repeat([]byte("a"), 10<<10)...)
	wanted := p.get(t.Context(), packKey{event: "wanted"}, text)
	for i := range 200 {
		p.get(t.Context(), packKey{fmt.Sprint(i), strings.Repeat("/a", i)}, text)
		if again := p.get(t.Context(), packKey{event: "wanted"}, text); &again[0] != &wanted[0] {
			t.Fatalf("after %d others what is wanted was dropped", i)
		}
	}
	for i := range 1000 { // keys count as well
		p.get(t.Context(), packKey{fmt.Sprint("key ", i), ""}, noise(minPacked))
	}
	if packed := p.get(t.Context(), packKey{event: "large"}, append(noise(limit/3), bytes.Repeat([]byte("a"), limit)...)); packed != nil {
		t.Errorf("%d bytes are kept of one answer", len(packed))
	}
	if so := cap(p.slots); so != runtime.GOMAXPROCS(0) {
		t.Errorf("%d compress at once", so)
	}
	kept := 0
	for element := p.packs.Front(); element != nil; element = element.Next() {
		one := packOf(element)
		kept += packOverhead + len(one.key.event) + len(one.key.form) + len(one.body)
	}
	if kept != p.size || kept > limit || len(p.byKey) != p.packs.Len() || p.packs.Len() < 50 || p.packs.Len() > 250 {
		t.Errorf("%d bytes in %d packs of %d keys, counted as %d, the limit is %d", kept, p.packs.Len(), len(p.byKey), p.size, limit)
	}
}

// Concurrent requests and new events use the same packs.
func TestPacksUnderLoad(t *testing.T) {
	p := newPacker(20 << 10)
	var asking sync.WaitGroup
	for i := range 8 {
		asking.Go(func() {
			for j := range 200 {
				text := bytes.Repeat(fmt.Append(nil, j/4), minPacked)
				if packed := p.get(context.Background(), packKey{event: fmt.Sprint(j / 4)}, text); unpack(t, packed) != string(text) {
					t.Errorf("%d: another text", i)
				}
			}
		})
	}
	asking.Wait()
	size := 0
	for element := p.packs.Front(); element != nil; element = element.Next() {
		size += packOf(element).size
	}
	if size != p.size || size > p.limit {
		t.Errorf("%d bytes are kept, counted as %d of %d", size, p.size, p.limit)
	}
}

package handlers

import (
	"container/list"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// What is compressed: nothing so small that its headers are as long, and only what
// becomes shorter by a tenth.
const (
	minPacked  = 1 << 10 // bytes
	worthwhile = 0.9
	packLevel  = 6 // of gzip
)

// packer compresses answers, each once for all who want it, and keeps the newest
// within a limit in bytes. It is safe for concurrent use.
type packer struct {
	limit int
	slots chan struct{} // one for each processor: so many compress at once

	mu    sync.Mutex
	size  int        // of what is kept
	packs *list.List // of *pack, the one that was wanted last in front
	byKey map[packKey]*list.Element
}

// packKey says what an answer is of.
type packKey struct {
	event  string // its ID
	fields string // what was picked of its document, as a Projection writes it
}

// pack is one compressed answer.
type pack struct {
	key  packKey
	made chan struct{} // closed when body is set
	body []byte        // nil: as it is, it is good enough
	size int           // as counted; guarded by the packer's mu
}

// packOverhead is what one takes beside its body and its key, in bytes, roughly.
const packOverhead = 512

func newPacker(limit int) *packer {
	return &packer{
		limit: limit,
		slots: make(chan struct{}, runtime.GOMAXPROCS(0)),
		packs: list.New(),
		byKey: make(map[packKey]*list.Element),
	}
}

// get returns what is plain in compressed form, or nil where that is not worth
// while, or ctx has ended. The first that asks compresses, and others wait.
func (p *packer) get(ctx context.Context, key packKey, plain []byte) []byte {
	if len(plain) < minPacked {
		return nil
	}
	one, first := p.find(key)
	if first {
		p.fill(one, plain)
	}
	select {
	case <-one.made:
		return one.body
	case <-ctx.Done():
		return nil
	}
}

// find returns the pack of that key, and whether it is new, so that the caller has
// to fill it.
func (p *packer) find(key packKey) (one *pack, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if element := p.byKey[key]; element != nil {
		p.packs.MoveToFront(element)
		return packOf(element), false
	}
	one = &pack{key: key, made: make(chan struct{})}
	p.byKey[key] = p.packs.PushFront(one)
	p.addLocked(one, packOverhead+len(key.event)+len(key.fields))
	return one, true
}

// fill compresses. Those who wait for it are told in any case.
func (p *packer) fill(one *pack, plain []byte) {
	defer close(one.made)
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	one.body = compress(plain, p.limit/4) // what would push out too much else stays as it is

	p.mu.Lock()
	defer p.mu.Unlock()
	if element := p.byKey[one.key]; element != nil && packOf(element) == one {
		p.addLocked(one, len(one.body))
	}
}

// addLocked counts what a pack has more than before, and drops what was not wanted
// for longest.
func (p *packer) addLocked(one *pack, bytes int) {
	one.size += bytes
	p.size += bytes
	for p.size > p.limit && p.packs.Len() > 1 {
		last := packOf(p.packs.Back())
		p.packs.Remove(p.packs.Back())
		delete(p.byKey, last.key)
		p.size -= last.size
	}
}

func packOf(element *list.Element) *pack {
	return element.Value.(*pack) //nolint:forcetypeassert // nothing else is in the list
}

// compress returns text as one gzip member (RFC 1952), or nil where that takes more
// bytes than most, or hardly fewer than the text.
func compress(text []byte, most int) []byte {
	out := &shortened{most: min(most, int(worthwhile*float64(len(text))))}
	w, err := gzip.NewWriterLevel(out, packLevel)
	if err != nil {
		return nil
	}
	if _, err := w.Write(text); err != nil {
		return nil
	}
	if err := w.Close(); err != nil {
		return nil
	}
	return slices.Clip(out.bytes)
}

// errNotShort ends a compression that is not worth its while.
var errNotShort = errors.New("handlers: not short enough")

// shortened takes no more than most bytes.
type shortened struct {
	bytes []byte
	most  int
}

func (s *shortened) Write(p []byte) (int, error) {
	if len(s.bytes)+len(p) > s.most {
		return 0, errNotShort
	}
	s.bytes = append(s.bytes, p...)
	return len(p), nil
}

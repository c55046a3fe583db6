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

// Content is compressed if it is longer than its headers, and sent compressed if that
// saves a tenth.
const (
	minPacked  = 1 << 10 // bytes
	worthwhile = 0.9
	packLevel  = 6 // of gzip
)

// packer compresses each answer once for all requests, and caches the most recently
// used ones within a limit in bytes. It is safe for concurrent use.
type packer struct {
	limit int
	slots chan struct{} // one for each processor, to limit concurrent compression

	mu    sync.Mutex
	size  int        // of all cached packs
	packs *list.List // of *pack, the most recently used one in front
	byKey map[packKey]*list.Element
}

// packKey identifies an answer.
type packKey struct {
	event string // its ID
	form  string // the parts of its document, as a Projection writes them, or which HTML
}

// pack is one compressed answer.
type pack struct {
	key  packKey
	made chan struct{} // closed when body is set
	body []byte        // nil: compression saves too little
	size int           // as counted; guarded by the packer's mu
}

// packOverhead is roughly the size of a pack without its body and key, in bytes.
const packOverhead = 512

func newPacker(limit int) *packer {
	return &packer{
		limit: limit,
		slots: make(chan struct{}, runtime.GOMAXPROCS(0)),
		packs: list.New(),
		byKey: make(map[packKey]*list.Element),
	}
}

// get returns the compressed form of plain, or nil if compression saves too little or
// ctx has ended. The first caller for a key compresses, and the others wait.
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

// find returns the pack of a key. The caller must fill a new one.
func (p *packer) find(key packKey) (one *pack, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if element := p.byKey[key]; element != nil {
		p.packs.MoveToFront(element)
		return packOf(element), false
	}
	one = &pack{key: key, made: make(chan struct{})}
	p.byKey[key] = p.packs.PushFront(one)
	p.addLocked(one, packOverhead+len(key.event)+len(key.form))
	return one, true
}

// fill compresses plain into a pack. It releases the waiting callers in any case.
func (p *packer) fill(one *pack, plain []byte) {
	defer close(one.made)
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	one.body = compress(plain, p.limit/4) // a larger one would displace too many others

	p.mu.Lock()
	defer p.mu.Unlock()
	if element := p.byKey[one.key]; element != nil && packOf(element) == one {
		p.addLocked(one, len(one.body))
	}
}

// addLocked adds to the size of a pack, and drops the least recently used packs beyond
// the limit.
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
	return element.Value.(*pack) //nolint:forcetypeassert // the list holds only these
}

// compress returns text as one gzip member (RFC 1952), or nil if that has more bytes
// than most, or saves too little.
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

// errNotShort ends a compression that saves too little.
var errNotShort = errors.New("handlers: not short enough")

// shortened is a buffer that refuses to grow beyond most bytes.
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

package fanout

import (
	"sync"
	"sync/atomic"

	"github.com/polluxhub/pollux/hub"
)

// formKey says what a form is made of. Two clients for whom it is equal get the
// same bytes.
type formKey struct {
	event *hub.Event
	view  *view
	named bool       // of whole documents; a view knows it itself
	base  *hub.Event // what the clients have, where that matters; nil: nothing
}

// form is an event in the shape that some clients get, made once for all of them.
type form struct {
	key    formKey
	serial uint64 // never given twice: a pointer would keep the whole past alive

	once  sync.Once
	plain *piece // nil: there is nothing to tell

	// Of a compressed stream, see deflate.go.
	mu      sync.Mutex
	fresh   *piece
	chained []chained // at most maxChained

	size int // guarded by forms.mu
}

// forms keeps the newest forms, up to a limit in bytes: clients who follow a
// stream want the same one at about the same time. What was dropped is made
// again if somebody wants it.
type forms struct {
	limit    int
	deflater deflater
	recent   atomic.Pointer[form] // of the last call, which most calls repeat

	mu     sync.Mutex
	made   map[formKey]*form
	order  []*form // oldest first
	bytes  int
	serial uint64
}

// get returns the form of an event.
func (f *forms) get(key formKey) *form {
	if one := f.recent.Load(); one != nil && one.key == key {
		one.once.Do(func() { f.make(one) })
		return one
	}
	f.mu.Lock()
	one := f.made[key]
	if one == nil {
		f.serial++
		one = &form{key: key, serial: f.serial}
		if f.made == nil {
			f.made = make(map[formKey]*form)
		}
		f.made[key] = one
		f.order = append(f.order, one)
	}
	f.mu.Unlock()
	f.recent.Store(one)
	one.once.Do(func() { f.make(one) })
	return one
}

func (f *forms) make(one *form) {
	e, v := one.key.event, one.key.view
	switch {
	case v != nil:
		text := v.encode(e, one.key.base)
		if text != nil {
			one.plain = newPiece(text, nil)
		}
		size := len(text) + len(e.Chunk()) // events that are kept by a form alone count too
		if one.key.base != nil {
			size += len(one.key.base.Chunk())
		}
		f.grow(one, size)
		return
	case one.key.named:
		one.plain = &piece{chunk: e.NamedChunk(), body: e.NamedFrame()}
	default:
		one.plain = &piece{chunk: e.Chunk(), body: e.Frame()}
	}
	f.grow(one, len(one.plain.chunk)) // which the form keeps alive
}

// grow notes that a form takes so many bytes more, and drops the oldest if all
// take too many.
func (f *forms) grow(one *form, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.made[one.key] != one {
		return // dropped already
	}
	const overhead = 512 // of the form, the map and the pieces
	if one.size == 0 {
		n += overhead
	}
	one.size += n
	f.bytes += n
	for f.bytes > f.limit && len(f.order) > 1 {
		oldest := f.order[0]
		f.order[0] = nil
		f.order = f.order[1:]
		f.bytes -= oldest.size
		delete(f.made, oldest.key)
	}
}

// compressed returns the form for a client whose last written form was behind,
// or nil if it was anything else.
func (f *forms) compressed(one, behind *form) *piece {
	p, made := one.deflate(&f.deflater, behind)
	if made {
		f.grow(one, len(p.chunk))
	}
	return p
}

// clear drops everything: nobody is left.
func (f *forms) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recent.Store(nil)
	f.made, f.order, f.bytes = nil, nil, 0
}

func (f *forms) held() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

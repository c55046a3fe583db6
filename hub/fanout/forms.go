package fanout

import (
	lists "container/list"
	"sync"
	"sync/atomic"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// formKind is what a form is.
type formKind uint8

const (
	treeForm   formKind = iota // a document cut into its values: *tree
	partForm                   // the parts of a document that are wanted: []byte
	changeForm                 // how a document differs from the one before: *change
	frameForm                  // what some clients get of an event: *frame, nil where that is nothing
	packedForm                 // a frame compressed: *piece
	formKinds
)

// formKey says what a form is made of: that and nothing else, so not where a client
// came in. What has the same key is made once.
type formKey struct {
	kind   formKind
	event  *hub.Event
	before *hub.Event // the one before it in its stream, where that matters
	text   string     // of the view, or of what of it matters
	base   hub.ID     // the document that a difference names
	frame  uint64     // serials, of what is compressed, and of what stands before it
	behind uint64
}

// recipe is what a form is made with, beside its key.
type recipe struct {
	view   *view
	fields document.Projection
	frame  *frame
	behind *behind
}

// form is something that is made once for all who want it, by whoever is the first
// to need it, or by a worker if it is the size of a large document.
type form struct {
	key    formKey
	recipe recipe // until it is made

	once  sync.Once
	made  atomic.Bool
	value any

	// Guarded by forms.mu.
	size    int
	order   *lists.Element // in forms.order, once it is made
	job     *lists.Element // in forms.queue, while it waits for a worker
	taken   bool           // a worker makes it
	waiters map[waiter]struct{}
}

// forms keeps the forms that were used last, up to a limit in bytes: clients who
// follow a stream want the same one at about the same time. What was dropped is
// made again if somebody wants it.
type forms struct {
	limit    int
	deflater deflater
	serial   atomic.Uint64                   // the last that was given
	count    atomic.Uint64                   // of all that were ever made
	recent   [formKinds]atomic.Pointer[form] // the last of each kind that was found, which most ask for again

	mu      sync.Mutex
	byKey   map[formKey]*form
	order   lists.List         // of those that are made, the one used last at the end
	held    map[*hub.Event]int // how many forms keep an event
	bytes   int
	queue   lists.List // of those that a worker is to make
	work    *sync.Cond // told when the queue or working has changed
	working bool
}

// get returns what the key stands for, made now if it is not there.
func (f *forms) get(key formKey, with recipe) any {
	one := f.find(key, with)
	f.finish(one, &f.deflater)
	return one.value
}

func (f *forms) find(key formKey, with recipe) *form {
	recent := &f.recent[key.kind]
	if one := recent.Load(); one != nil && one.key == key {
		return one
	}
	f.mu.Lock()
	one := f.byKey[key]
	switch {
	case one == nil:
		one = &form{key: key, recipe: with}
		if f.byKey == nil {
			f.byKey = make(map[formKey]*form)
		}
		f.byKey[key] = one
	case one.order != nil:
		f.order.MoveToBack(one.order)
	}
	f.mu.Unlock()
	recent.Store(one)
	return one
}

// finish makes a form that is not made yet. Whoever comes meanwhile waits.
func (f *forms) finish(one *form, d *deflater) {
	if one.made.Load() {
		return
	}
	one.once.Do(func() {
		var size int
		one.value, size = f.make(one.key, one.recipe, d)
		one.recipe = recipe{}
		one.made.Store(true)
		f.count.Add(1)
		f.keep(one, size)
	})
}

// make makes what the key stands for, and returns the bytes that it takes.
func (f *forms) make(key formKey, with recipe, d *deflater) (value any, size int) {
	switch key.kind {
	case treeForm:
		one := newTree(key.event.Data())
		return one, one.size()
	case partForm:
		part := f.tree(key.event).pick(with.fields)
		return part, cap(part)
	case changeForm:
		one := f.compare(with.view, key.event, key.before)
		return one, cap(one.delta)
	case frameForm:
		return f.frame(with.view, key)
	default:
		one := d.compress(with.frame.body, with.behind.dictionary())
		return one, cap(one.chunk)
	}
}

// formOverhead is what a form takes beside what it is: itself, its key, its places
// in the map and the list.
const formOverhead = 512

// keep counts a form that was made just now, tells those who wait for it, and drops
// the forms that nobody has used for longest if all take too many bytes. An event
// that is kept by forms alone takes memory too, whatever their number.
func (f *forms) keep(one *form, size int) {
	f.mu.Lock()
	waiters := one.waiters
	one.waiters = nil
	f.unqueueLocked(one)
	if f.byKey[one.key] == one {
		one.size = size + formOverhead + len(one.key.text)
		one.order = f.order.PushBack(one)
		f.bytes += one.size
		f.holdLocked(one.key.event)
		f.holdLocked(one.key.before)
	}
	for f.bytes > f.limit && f.order.Len() > 1 {
		f.dropLocked(f.order.Front())
	}
	f.mu.Unlock()
	for w := range waiters {
		w.formIsMade()
	}
}

func (f *forms) holdLocked(e *hub.Event) {
	if e == nil {
		return
	}
	if f.held == nil {
		f.held = make(map[*hub.Event]int)
	}
	if f.held[e]++; f.held[e] == 1 {
		f.bytes += len(e.Frame())
	}
}

func (f *forms) letGoLocked(e *hub.Event) {
	if e == nil {
		return
	}
	if f.held[e]--; f.held[e] == 0 {
		delete(f.held, e)
		f.bytes -= len(e.Frame())
	}
}

func (f *forms) dropLocked(at *lists.Element) {
	one := f.order.Remove(at).(*form) //nolint:forcetypeassert // nothing else is in the list
	one.order = nil
	f.bytes -= one.size
	f.letGoLocked(one.key.event)
	f.letGoLocked(one.key.before)
	delete(f.byKey, one.key)
}

// clear drops everything that is made: nobody is left.
func (f *forms) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.recent {
		f.recent[i].Store(nil)
	}
	for f.order.Len() > 0 {
		f.dropLocked(f.order.Front())
	}
}

// size returns how many bytes are kept.
func (f *forms) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

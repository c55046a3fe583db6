package view

import (
	lists "container/list"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout/wire"
	"github.com/polluxhub/pollux/hub/markup"
)

// kind is what an entry of the cache holds.
type kind uint8

const (
	kindTree   kind = iota // a document cut into its values: *tree
	kindPart               // the parts of a document that a client wants: []byte
	kindChange             // the difference to the document before: *change
	kindPage               // the HTML of an event: *page
	kindFrame              // what clients get of an event: *frame, nil where that is nothing
	kindPacked             // a frame compressed: *wire.Fragment
	kinds
)

// key says what an entry is made of, and nothing else: not when a client came. Clients
// with the same key share the entry.
type key struct {
	kind   kind
	event  *hub.Event
	before *hub.Event // the event before it in its stream, where that matters
	text   string     // stands for the view, or for the properties of it that matter
	base   hub.ID     // the document that a difference names
	frame  uint64     // serial of the frame that is compressed
	window uint64     // serial of the window behind which it is compressed
}

// inputs are what an entry is made from, beside its key.
type inputs struct {
	view     *view
	fields   document.Projection
	template *markup.Template
	frame    *frame
	window   *wire.Window
}

// entry is something that is made once for all clients that want it: by the first one
// that needs it, or by a worker where that is much work.
type entry struct {
	key    key
	inputs inputs // until it is made

	once  sync.Once
	made  atomic.Bool
	value any

	// Guarded by cache.mu.
	size    int
	order   *lists.Element // in cache.order, once it is made
	used    time.Time      // when it was made, or last found in the map
	job     *lists.Element // in cache.queue, while it waits for a worker
	taken   bool           // a worker makes it
	waiters map[Waiter]struct{}
}

// cache keeps the entries that were used last, up to a limit in bytes. Clients that
// follow a stream want the same entry at about the same time. So when another entry is made,
// those are dropped that nobody has wanted for unusedFor. An entry that was dropped is made
// again when a client wants it.
type cache struct {
	limit    int
	logger   *slog.Logger
	complain rate.Sometimes // about templates that fail
	failures atomic.Uint64  // of templates
	deflater wire.Deflater
	serials  atomic.Uint64                // of frames
	windows  atomic.Uint64                // serials of windows
	made     atomic.Uint64                // entries that were ever made
	recent   [kinds]atomic.Pointer[entry] // the entry of each kind that was found last: most clients ask for it next

	mu      sync.Mutex
	byKey   map[key]*entry
	order   lists.List         // of the entries that are made, the one used last at the end
	held    map[*hub.Event]int // how many entries keep an event
	bytes   int
	queue   lists.List // of the entries that a worker is to make
	work    *sync.Cond // signalled when queue or workers change
	workers int
}

// unusedFor is how long an entry stays that nobody wants. Clients that return and resume want
// what is a few seconds old. Without it, the cache of a server with few documents would grow
// for hours until it reaches its limit, with documents that history has dropped.
const unusedFor = time.Minute

// get returns what the key stands for, made now if the cache does not have it.
func (c *cache) get(k key, in inputs) any {
	e := c.find(k, in, false)
	c.complete(e, &c.deflater)
	return e.value
}

// find returns the entry of a key. If nobody waits for it, there is no new one while workers
// run: it would not be made, and stay.
func (c *cache) find(k key, in inputs, nobodyWaits bool) *entry {
	recent := &c.recent[k.kind]
	if e := recent.Load(); e != nil && e.key == k {
		return e
	}
	c.mu.Lock()
	e := c.byKey[k]
	switch {
	case e == nil && nobodyWaits && c.workers > 0:
		c.mu.Unlock()
		return nil
	case e == nil:
		e = &entry{key: k, inputs: in}
		if c.byKey == nil {
			c.byKey = make(map[key]*entry)
		}
		c.byKey[k] = e
	case e.order != nil:
		e.used = time.Now()
		c.order.MoveToBack(e.order)
	}
	c.mu.Unlock()
	recent.Store(e)
	return e
}

// complete makes an entry that is not made yet. Others that need it meanwhile wait.
func (c *cache) complete(e *entry, d *wire.Deflater) {
	if e.made.Load() {
		return
	}
	e.once.Do(func() {
		var size int
		e.value, size = c.make(e.key, e.inputs, d)
		e.inputs = inputs{}
		e.made.Store(true)
		c.made.Add(1)
		c.store(e, size)
	})
}

// make makes what the key stands for, and returns how many bytes it takes.
func (c *cache) make(k key, in inputs, d *wire.Deflater) (value any, size int) {
	switch k.kind {
	case kindTree:
		t := newTree(k.event.Data())
		return t, t.size()
	case kindPart:
		part := c.tree(k.event).pick(in.fields)
		return part, cap(part)
	case kindChange:
		change := c.compare(in.view, k.event, k.before)
		return change, cap(change.delta)
	case kindPage:
		page := c.render(k.event, in.template)
		return page, cap(page.html)
	case kindFrame:
		if in.template != nil {
			return c.hypertext(in.view, k, in.template)
		}
		return c.frame(in.view, k)
	default:
		f := d.Compress(in.frame.Body, in.window)
		return f, cap(f.Chunk)
	}
}

// entryOverhead is what an entry takes beside its value: itself, its key, and its places
// in the map and in the list.
const entryOverhead = 512

// store counts an entry that was just made, and tells everybody who waits for it. It drops
// the entries that were not used for longest: those of more than unusedFor ago, and others
// while all together take too many bytes. An event that only entries keep counts too, once.
func (c *cache) store(e *entry, size int) {
	c.mu.Lock()
	waiters := e.waiters
	e.waiters = nil
	c.unqueueLocked(e)
	if c.byKey[e.key] == e {
		e.size = size + entryOverhead + len(e.key.text)
		e.order, e.used = c.order.PushBack(e), time.Now()
		c.bytes += e.size
		c.holdLocked(e.key.event)
		c.holdLocked(e.key.before)
	}
	for c.order.Len() > 1 && (c.bytes > c.limit || c.isUnusedLocked(c.order.Front())) {
		c.dropLocked(c.order.Front())
	}
	c.mu.Unlock()
	for w := range waiters {
		w.Ready()
	}
}

func (c *cache) isUnusedLocked(at *lists.Element) bool {
	return time.Since(at.Value.(*entry).used) > unusedFor //nolint:forcetypeassert // nothing else is in the list
}

func (c *cache) holdLocked(e *hub.Event) {
	if e == nil {
		return
	}
	if c.held == nil {
		c.held = make(map[*hub.Event]int)
	}
	if c.held[e]++; c.held[e] == 1 {
		c.bytes += len(e.Frame())
	}
}

func (c *cache) releaseLocked(e *hub.Event) {
	if e == nil {
		return
	}
	if c.held[e]--; c.held[e] == 0 {
		delete(c.held, e)
		c.bytes -= len(e.Frame())
	}
}

func (c *cache) dropLocked(at *lists.Element) {
	e := c.order.Remove(at).(*entry) //nolint:forcetypeassert // nothing else is in the list
	e.order = nil
	c.bytes -= e.size
	c.releaseLocked(e.key.event)
	c.releaseLocked(e.key.before)
	delete(c.byKey, e.key)
}

// clear drops every entry that is made.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.recent {
		c.recent[i].Store(nil)
	}
	for c.order.Len() > 0 {
		c.dropLocked(c.order.Front())
	}
}

func (c *cache) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{Bytes: c.bytes, Made: c.made.Load(), Failures: c.failures.Load(), Workers: c.workers}
}

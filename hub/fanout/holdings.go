package fanout

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/hub/fanout/wire"
)

// holdings bounds what is in memory only because clients read it slowly: what they
// are being sent, and the rest of their replays. History may have evicted it, and the
// cache of forms may have dropped it. What several clients hold counts once.
//
// Nothing can be taken from a client amid an event. So a client waits before it gets
// another part of a replay: a new client at the limit, and a client that took its last
// large portion slowly at half of the limit, so that slow clients leave room for
// others. A client that waits holds nothing, and continues from its position.
type holdings struct {
	limit int
	bytes atomic.Int64  // of all pieces
	waits atomic.Uint64 // how often somebody had to wait

	mu      sync.Mutex
	pieces  map[*byte]*heldPiece // by the last byte: what was sent of a piece is cut off in front
	clients map[*Client]*holding
}

// heldPiece is one piece of memory.
type heldPiece struct {
	size int
	held int // how often
}

// holding is what one client, or one answer, holds.
type holding struct {
	pieces []*byte
	bytes  int
	since  time.Time
	before pace
}

// pace says how fast a client took its last large portion.
type pace uint8

const (
	unknown pace = iota
	prompt
	late
	holds // it has one at present
)

const (
	// lateAfter is the time within which a client takes a large portion that does not
	// count as slow.
	lateAfter = 2 * time.Second

	// minHeld is the size of the smallest piece that counts.
	minHeld = 1 << 10

	// largeHeld is what one client may hold without any consequence for it.
	largeHeld = portionBytes
)

// hasRoom reports whether a client of this pace may have more.
func (h *holdings) hasRoom(p pace) bool {
	bytes := h.bytes.Load()
	switch p {
	case unknown:
		return bytes <= int64(h.limit)
	case late:
		return 2*bytes <= int64(h.limit)
	default:
		return true
	}
}

// hold notes that the client holds these buffers, of whose first one cut bytes were
// sent already, and its backlog.
func (h *holdings) hold(c *Client, bufs [][]byte, cut int, chunked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.clients[c]
	if one == nil {
		one = &holding{since: time.Now(), before: c.pace}
		if h.clients == nil {
			h.clients = make(map[*Client]*holding)
		}
		h.clients[c], c.pace = one, holds
		for _, e := range c.backlog.all() {
			h.addLocked(one, wire.Plain(e, chunked), 0)
		}
	}
	for _, buf := range bufs {
		h.addLocked(one, buf, cut)
		cut = 0
	}
}

func (h *holdings) addLocked(one *holding, buf []byte, cut int) {
	size := len(buf) + cut
	if len(buf) == 0 || size < minHeld {
		return
	}
	key := &buf[len(buf)-1]
	piece := h.pieces[key]
	if piece == nil {
		piece = &heldPiece{size: size}
		if h.pieces == nil {
			h.pieces = make(map[*byte]*heldPiece)
		}
		h.pieces[key] = piece
		h.bytes.Add(int64(size))
	}
	piece.held++
	one.pieces, one.bytes = append(one.pieces, key), one.bytes+size
}

// release notes that the client holds nothing more.
func (h *holdings) release(c *Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.clients[c]
	delete(h.clients, c)
	h.removeLocked(one)
	switch {
	case time.Since(one.since) >= lateAfter:
		c.pace = late
	case one.bytes >= largeHeld:
		c.pace = prompt
	default:
		c.pace = one.before // it says nothing
	}
}

func (h *holdings) removeLocked(one *holding) {
	for _, key := range one.pieces {
		piece := h.pieces[key]
		if piece.held--; piece.held == 0 {
			delete(h.pieces, key)
			h.bytes.Add(int64(-piece.size))
		}
	}
}

// letGo notes that the client has taken what it held, unless there is more of it.
func (c *Client) letGo() {
	if c.pace == holds && c.backlog.len() == 0 {
		c.engine.holdings.release(c)
	}
}

// Hold counts a body that is written to a client by others than the engine, like what
// clients of the engine hold, until release is called. See HasRoom.
func (e *Engine) Hold(body []byte) (release func()) {
	h, one := &e.holdings, &holding{}
	if len(body) < largeHeld {
		return func() {}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addLocked(one, body, 0)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.removeLocked(one)
	}
}

// roomEvery is how often somebody who waits for room looks whether there is any.
const roomEvery = 100 * time.Millisecond

// HasRoom reports whether a body of so many bytes may be written by others than the
// engine: clients hold less than Options.HeldBytes, or the body is small.
func (e *Engine) HasRoom(size int) bool { return size < largeHeld || e.holdings.hasRoom(unknown) }

// AwaitRoom returns when clients hold less than Options.HeldBytes, or with the error of
// ctx.
func (e *Engine) AwaitRoom(ctx context.Context) error {
	e.holdings.waits.Add(1)
	ticker := time.NewTicker(roomEvery)
	defer ticker.Stop()
	for !e.holdings.hasRoom(unknown) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

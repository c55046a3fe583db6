package handlers

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"sync"
	"time"

	"github.com/polluxhub/pollux/handlers/auth"
)

// Limits of the keys of idempotency.
const (
	idempotencyLife = 10 * time.Minute
	maxIdempotency  = 50_000 // keys that are remembered; the oldest is forgotten first
	maxKeyLength    = 255    // bytes
)

// attempts remember what was published with an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header), so that a publisher that has not got the
// answer can send the document again. The zero value is ready to use.
type attempts struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*list.Element // of order
	order list.List                           // of *attempt, the oldest first
}

// attempt is a document that was published with a key.
type attempt struct {
	name  [sha256.Size]byte // of the token, the stream and the key
	body  [sha256.Size]byte
	began time.Time

	done   bool // the answer is known
	status int
	answer published
}

// nameOf names the key of a token and a stream, in as many bytes for each.
func nameOf(holder auth.Holder, stream, key string) [sha256.Size]byte {
	text := append([]byte{}, holder[:]...)
	text = binary.BigEndian.AppendUint32(text, uint32(len(stream)))
	return sha256.Sum256(append(append(text, stream...), key...))
}

// begin returns a new attempt, which end or forget must follow, or a copy of the old one
// with that name.
func (a *attempts) begin(name, body [sha256.Size]byte) (one, old *attempt) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for e := a.order.Front(); e != nil; e = a.order.Front() {
		if now.Sub(valueOf(e).began) < idempotencyLife && a.order.Len() < maxIdempotency {
			break
		}
		a.removeLocked(e)
	}
	if e := a.known[name]; e != nil {
		copied := *valueOf(e)
		return nil, &copied
	}
	one = &attempt{name: name, body: body, began: now}
	if a.known == nil {
		a.known = make(map[[sha256.Size]byte]*list.Element)
	}
	a.known[name] = a.order.PushBack(one)
	return one, nil
}

func valueOf(e *list.Element) *attempt { return e.Value.(*attempt) } //nolint:forcetypeassert // the list holds nothing else

// end notes the answer of an attempt.
func (a *attempts) end(one *attempt, status int, answer published) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one.done, one.status, one.answer = true, status, answer
}

// forget removes an attempt that has changed nothing, so that it can be made again.
func (a *attempts) forget(one *attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.known[one.name]; e != nil && valueOf(e) == one {
		a.removeLocked(e)
	}
}

func (a *attempts) removeLocked(e *list.Element) {
	delete(a.known, valueOf(e).name)
	a.order.Remove(e)
}

// idempotencyKey returns the key of a request, "" for none. Its error is a problem.
func idempotencyKey(header http.Header) (string, error) {
	values := header.Values("Idempotency-Key")
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1 || values[0] == "" || len(values[0]) > maxKeyLength:
		return "", newProblem(http.StatusBadRequest, "Idempotency-Key must have 1 to %d bytes, and be sent once.", maxKeyLength)
	}
	return values[0], nil
}

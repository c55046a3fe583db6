package handlers

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"sync"
	"time"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
)

// Limits of the keys of idempotency.
const (
	maxIdempotency = 50_000 // keys that are remembered, of all tokens
	maxKeyLength   = 255    // bytes
)

// attempts remember what was published with an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header), so that a publisher that has not got the
// answer can send the document again. The zero value is ready to use.
type attempts struct {
	mu      sync.Mutex
	known   map[[sha256.Size]byte]*attempt
	order   list.List                  // of *attempt, the oldest first
	holders map[auth.Holder]*list.List // the same of each token
}

// attempt is a document that was published with a key.
type attempt struct {
	holder auth.Holder
	name   [sha256.Size]byte // of the token, the stream and the key
	body   [sha256.Size]byte
	began  time.Time

	done   bool // the answer is known
	status int
	answer published

	inOrder, inHolder *list.Element
}

// nameOf names the key of a token and a stream, in as many bytes for each.
func nameOf(holder auth.Holder, stream, key string) [sha256.Size]byte {
	text := append([]byte{}, holder[:]...)
	text = binary.BigEndian.AppendUint32(text, uint32(len(stream)))
	return sha256.Sum256(append(append(text, stream...), key...))
}

// begin returns a new attempt, which end or forget must follow, or a copy of the old one
// with that name. At the bound, the token that has the most keys loses its oldest one, so no
// token pushes out the keys of another one that has fewer.
func (a *attempts) begin(holder auth.Holder, name, body [sha256.Size]byte) (one, old *attempt) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for e := a.order.Front(); e != nil && now.Sub(valueOf(e).began) >= hub.OnceLife; e = a.order.Front() {
		a.removeLocked(valueOf(e))
	}
	if known := a.known[name]; known != nil {
		copied := *known
		return nil, &copied
	}
	if a.order.Len() >= maxIdempotency {
		a.removeLocked(valueOf(a.mostLocked().Front()))
	}
	one = &attempt{holder: holder, name: name, body: body, began: now}
	if a.known == nil {
		a.known, a.holders = make(map[[sha256.Size]byte]*attempt), make(map[auth.Holder]*list.List)
	}
	own := a.holders[holder]
	if own == nil {
		own = list.New()
		a.holders[holder] = own
	}
	a.known[name], one.inOrder, one.inHolder = one, a.order.PushBack(one), own.PushBack(one)
	return one, nil
}

// mostLocked returns the attempts of the token that has the most of them.
func (a *attempts) mostLocked() (most *list.List) {
	for _, own := range a.holders {
		if most == nil || own.Len() > most.Len() {
			most = own
		}
	}
	return most
}

func valueOf(e *list.Element) *attempt { return e.Value.(*attempt) } //nolint:forcetypeassert // the lists hold nothing else

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
	if a.known[one.name] == one {
		a.removeLocked(one)
	}
}

func (a *attempts) removeLocked(one *attempt) {
	delete(a.known, one.name)
	a.order.Remove(one.inOrder)
	own := a.holders[one.holder]
	if own.Remove(one.inHolder); own.Len() == 0 {
		delete(a.holders, one.holder)
	}
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

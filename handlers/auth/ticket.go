package auth

import (
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"
)

// Limits of Tickets.
const (
	TicketLife = 30 * time.Second

	maxTickets  = 10_000 // that are out
	holderShare = 100    // of those, of one token
)

// ErrTooManyTickets means that more tickets are out than there may be, of all tokens or of
// one. The next one comes free within TicketLife.
var ErrTooManyTickets = errors.New("auth: too many tickets")

// Tickets are given for tokens. Each is valid once, for TicketLife. It stands in a URL, where
// no token may stand. The zero value is ready to use, and safe for concurrent use.
type Tickets struct {
	mu      sync.Mutex
	out     map[Holder]ticket // by digest
	order   []Holder          // of out, the oldest first, and of used ones: 2 × maxTickets at most
	holders map[Holder]int    // how many are out for each token
}

type ticket struct {
	grant Grant
	ends  time.Time
}

// Give returns a ticket for what a token grants, and when it ends. The error is
// ErrTooManyTickets.
func (t *Tickets) Give(grant Grant) (text string, ends time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.forget(now)
	if len(t.out) >= maxTickets || t.holders[grant.Holder] >= holderShare {
		return "", ends, ErrTooManyTickets
	}
	if t.out == nil {
		t.out, t.holders = make(map[Holder]ticket), make(map[Holder]int)
	}
	ends = now.Add(TicketLife)
	if !grant.Expires.IsZero() && grant.Expires.Before(ends) {
		ends = grant.Expires
	}
	text = rand.Text()
	digest := HolderOf(text)
	if len(t.order) >= 2*maxTickets { // so at least half of them are used
		t.order = slices.DeleteFunc(t.order, func(digest Holder) bool { _, ok := t.out[digest]; return !ok })
	}
	t.out[digest], t.order = ticket{grant, now.Add(TicketLife)}, append(t.order, digest)
	t.holders[grant.Holder]++
	return text, ends, nil
}

// Take returns what a ticket grants, and makes it invalid. The error is ErrMissing for an
// empty ticket, and ErrWrong for one that is unknown, used or over. It takes as long for a
// ticket that is almost right as for any other, because digests are looked up.
func (t *Tickets) Take(text string) (Grant, error) {
	if text == "" {
		return Grant{}, ErrMissing
	}
	digest := HolderOf(text)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.forget(now)
	one, ok := t.out[digest]
	if !ok {
		return Grant{}, ErrWrong
	}
	t.remove(digest, one)
	if one.grant.endsBy(now) {
		return Grant{}, ErrWrong
	}
	return one.grant, nil
}

// forget removes the tickets that are over. The caller holds the lock.
func (t *Tickets) forget(now time.Time) {
	n := 0
	for _, digest := range t.order {
		one, ok := t.out[digest]
		if ok && now.Before(one.ends) {
			break
		}
		if ok {
			t.remove(digest, one)
		}
		n++
	}
	t.order = t.order[n:]
	if len(t.order) == 0 {
		t.order = nil
	}
}

func (t *Tickets) remove(digest Holder, one ticket) {
	delete(t.out, digest)
	if t.holders[one.grant.Holder]--; t.holders[one.grant.Holder] == 0 {
		delete(t.holders, one.grant.Holder)
	}
}

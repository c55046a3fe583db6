package peers

import (
	"maps"
	"slices"
	"time"

	"github.com/polluxhub/pollux/hub"
)

const (
	// beatEvery is how often a node repeats the number of its changes.
	beatEvery = 2 * time.Second

	// forgetAfter is how long what a node wants is remembered when nothing is heard from it.
	forgetAfter = 15 * time.Second

	// askAgain is the least time between two requests for everything.
	askAgain = time.Second
)

// ledger is what other nodes want, as this one has heard. It knows no clock and sends nothing.
type ledger struct {
	nodes   map[string]*account // by session
	dropped uint64              // names beyond MaxNames
}

// account is what one node wants.
type account struct {
	number uint64
	wants  map[string]bool
	filled map[string]bool // of everything, of which the rest is to come; nil if none is
	heard  time.Time
	asked  time.Time // when it was asked for everything
}

// hear notes a message. It returns what has changed in what all other nodes want together,
// and whether the node has to be asked for everything.
func (l *ledger) hear(m told, now time.Time) (change hub.Wants, ask bool) {
	a := l.nodes[m.Session]
	if a == nil {
		a = &account{wants: map[string]bool{}}
		l.nodes[m.Session] = a
		ask = !m.All
	}
	a.heard = now
	switch {
	case m.All:
		if a.filled == nil {
			a.filled = map[string]bool{}
		}
		for _, name := range valid(m.Want) {
			l.add(a.filled, name)
		}
		if m.Last {
			change = l.replace(a, a.filled)
			a.number, a.filled = m.Number, nil
		}
		return change, false
	case ask, m.Number > a.number+1, m.Number == a.number+1 && m.IsEmpty():
		ask = now.Sub(a.asked) >= askAgain
		if ask {
			a.asked = now
		}
		return hub.Wants{Touch: valid(m.Touch)}, ask
	case m.Number <= a.number:
		return hub.Wants{}, false
	}
	a.number = m.Number
	return l.apply(a, m.Wants), false
}

// add adds a name if there is room for it.
func (l *ledger) add(to map[string]bool, name string) bool {
	if len(to) >= MaxNames && !to[name] {
		l.dropped++
		return false
	}
	to[name] = true
	return true
}

// apply changes what a node wants.
func (l *ledger) apply(a *account, c hub.Wants) (change hub.Wants) {
	change.Touch = valid(c.Touch)
	for _, name := range valid(c.Want) {
		if !a.wants[name] && l.add(a.wants, name) {
			change.Want = append(change.Want, name)
		}
	}
	for _, name := range valid(c.Unwant) {
		if a.wants[name] {
			delete(a.wants, name)
			change.Unwant = append(change.Unwant, name)
		}
	}
	change.Want = slices.DeleteFunc(change.Want, func(name string) bool { return l.others(a, name) })
	change.Unwant = slices.DeleteFunc(change.Unwant, func(name string) bool { return l.others(a, name) })
	return change
}

// others reports whether another node than one wants a name.
func (l *ledger) others(one *account, name string) bool {
	for _, other := range l.nodes {
		if other != one && other.wants[name] {
			return true
		}
	}
	return false
}

// replace makes what a node wants something else.
func (l *ledger) replace(a *account, wants map[string]bool) hub.Wants {
	var c hub.Wants
	for name := range wants {
		if !a.wants[name] {
			c.Want = append(c.Want, name)
		}
	}
	for name := range a.wants {
		if !wants[name] {
			c.Unwant = append(c.Unwant, name)
		}
	}
	return l.apply(a, c)
}

// forget forgets the nodes of which nothing was heard, and returns what nobody wants any
// more.
func (l *ledger) forget(now time.Time) (change hub.Wants) {
	for session, a := range maps.All(l.nodes) {
		if now.Sub(a.heard) < forgetAfter {
			continue
		}
		gone := l.replace(a, nil)
		change.Unwant = append(change.Unwant, gone.Unwant...)
		delete(l.nodes, session)
	}
	return change
}

// own is what this node wants, and has told.
type own struct {
	session string
	number  uint64
	wants   map[string]bool
}

// tell notes a change, and returns the messages about it.
func (o *own) tell(c hub.Wants) (list []told) {
	for _, name := range c.Want {
		o.wants[name] = true
	}
	for _, name := range c.Unwant {
		delete(o.wants, name)
	}
	for _, part := range split(c) {
		o.number++
		list = append(list, told{Session: o.session, Number: o.number, Wants: part})
	}
	return list
}

// beat returns the message that repeats the number.
func (o *own) beat() told { return told{Session: o.session, Number: o.number} }

// all returns the messages with everything.
func (o *own) all() (list []told) {
	parts := split(hub.Wants{Want: slices.Sorted(maps.Keys(o.wants))})
	if len(parts) == 0 {
		parts = []hub.Wants{{}}
	}
	for i, part := range parts {
		list = append(list, told{Session: o.session, Number: o.number, All: true, Last: i == len(parts)-1, Wants: part})
	}
	return list
}

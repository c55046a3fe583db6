package poller

import "time"

// maxAbsent is how many keys that an upstream does not have are remembered.
const maxAbsent = 10_000

// absence is an upstream's answer that it does not have a key.
type absence struct {
	class string
	since time.Time
	until time.Time // the upstream is not asked again before
}

// absences remembers which keys an upstream does not have, longer than the keys exist:
// a client that asks for such a key again causes no request. Of too many, the oldest are
// forgotten.
type absences struct {
	byName map[string]absence
	order  []told // oldest first; entries that were replaced are still in it
}

// told is when a key was told to be absent.
type told struct {
	name  string
	until time.Time
}

// add remembers that the upstream does not have a key.
func (a *absences) add(name string, what absence) {
	if a.byName == nil {
		a.byName = make(map[string]absence)
	}
	for len(a.order) > 0 && (len(a.order) >= maxAbsent || reached(a.order[0].until, what.since)) {
		a.forget(a.order[0])
		a.order[0] = told{}
		a.order = a.order[1:]
	}
	a.byName[name] = what
	a.order = append(a.order, told{name, what.until})
}

// forget removes an entry, unless a newer one has replaced it.
func (a *absences) forget(old told) {
	if a.byName[old.name].until.Equal(old.until) {
		delete(a.byName, old.name)
	}
}

// remove forgets that the upstream does not have a key.
func (a *absences) remove(name string) { delete(a.byName, name) }

// of returns what is remembered of a key; false if nothing is that still holds.
func (a *absences) of(name string, now time.Time) (absence, bool) {
	what, found := a.byName[name]
	return what, found && now.Before(what.until)
}

// count returns how many keys are known to be absent.
func (a *absences) count(now time.Time) int {
	for len(a.order) > 0 && reached(a.order[0].until, now) {
		a.forget(a.order[0])
		a.order[0] = told{}
		a.order = a.order[1:]
	}
	return len(a.byName)
}

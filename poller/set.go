package poller

import "reflect"

// Change says what Set did. Names are in the order of the new set, those of
// removed streams in the order of the old one.
type Change struct {
	Added   []string // streams that were not polled before
	Changed []string // streams whose loop was replaced
	Kept    []string // streams that went on untouched
	Removed []string // streams that are polled no more

	// Unused are the sources that are in use no more: those of the loops that
	// have ended, and the new ones for streams that were kept. Nobody calls them
	// any more, so whoever made them may close them.
	Unused []Source
}

// Set replaces the set of streams, before or during Run. All of them are judged
// first: after an error, which names all mistakes, nothing has changed, and
// none of the given sources is used.
//
//   - A stream with the name and the Revision, not empty, of a running one is
//     kept: its loop goes on, and nothing else of the new Stream is looked at.
//   - A stream with the name alone is changed. Once the old loop has ended a new
//     one begins as at the start of Run, without the backoff and the upstream's
//     wait of the old one, but with its counters, its state, and the knowledge
//     of the document that clients have, which is not published again.
//   - A stream that is not named any more is removed.
//
// Set returns when all loops that it replaced or removed have ended, which takes
// as long as a Source and the Publisher need to notice the end of their context;
// the new set is in force before that. Calls come one after the other. After Run
// the error is ErrNotRunning.
func (p *Poller) Set(streams []Stream) (Change, error) {
	loops, err := p.newLoops(streams)
	if err != nil {
		return Change{}, err
	}
	p.setting <- struct{}{}
	defer func() { <-p.setting }()
	p.mu.Lock()
	if p.stage == ended {
		p.mu.Unlock()
		return Change{}, ErrNotRunning
	}
	change, ending := p.put(loops)
	p.mu.Unlock()
	for _, l := range ending {
		<-l.done
	}
	return change, nil
}

// put puts a new set in force, and returns the running loops that end because of
// it. It is called under the lock.
func (p *Poller) put(loops []*loop) (change Change, ending []*loop) {
	var added, gone []*loop
	var unused []Source
	byName := make(map[string]*loop, len(loops))
	for i, l := range loops {
		name := l.stream.Name
		old := p.byName[name]
		switch {
		case old == nil:
			change.Added = append(change.Added, name)
			added = append(added, l)
		case old.stream.Revision != "" && old.stream.Revision == l.stream.Revision:
			change.Kept = append(change.Kept, name)
			unused = append(unused, l.stream.Source)
			loops[i] = old
		default:
			change.Changed = append(change.Changed, name)
			gone = append(gone, old)
			added = append(added, l)
			if p.stage == running {
				l.replace(old)
			}
		}
		byName[name] = loops[i]
	}
	for _, old := range p.loops {
		if byName[old.stream.Name] == nil {
			change.Removed = append(change.Removed, old.stream.Name)
			gone = append(gone, old)
		}
	}
	for _, old := range gone {
		unused = append(unused, old.stream.Source)
	}
	p.loops, p.byName = loops, byName
	change.Unused = except(unused, loops)
	if p.stage != running {
		return change, nil
	}
	for _, old := range gone {
		old.cancel()
	}
	for _, l := range added {
		p.spawn(l)
	}
	return change, gone
}

// except returns the sources that none of the loops has: a caller may hand in
// one that is in use already.
func except(sources []Source, loops []*loop) []Source {
	used := make(map[Source]bool, len(loops))
	for _, l := range loops {
		if reflect.ValueOf(l.stream.Source).Comparable() {
			used[l.stream.Source] = true
		}
	}
	var rest []Source
	for _, source := range sources {
		if !reflect.ValueOf(source).Comparable() || !used[source] {
			rest = append(rest, source)
		}
	}
	return rest
}

package poller

import "slices"

// Change says what Set did. Names are in the order of the new set; those of removed
// streams are in the order of the old set.
type Change struct {
	Added   []string // streams that were not polled before
	Changed []string // streams whose loop was replaced
	Kept    []string // streams that were left alone
	Removed []string // streams that are no longer polled
}

// Set replaces the set of streams, before or during Run. All of them are checked
// first: after an error, which names all mistakes, nothing has changed, and none of
// the given sources is used or closed.
//
//   - A stream with the name and the Revision, not empty, of a running one is
//     kept: its loop goes on, and the rest of the new Stream is ignored.
//   - A stream with the name of a running one and another Revision is changed. Once
//     the old loop has ended, a new one begins as at the start of Run. It takes over
//     the counters, the state, and the knowledge of the document that clients have,
//     which is not published again. It takes over the upstream's wait if
//     Stream.Upstream is the same, and not the backoff.
//   - A stream that is not in the new set is removed.
//
// Set returns when all loops that it replaced or removed have ended and their
// sources are closed, and so are the given sources of streams that were kept. That
// takes as long as a Source and the Publisher need to notice the end of their
// context; the new set is in force before that. Calls come one after the other. After Run
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
	change, ending, unused := p.put(loops)
	p.mu.Unlock()
	for _, l := range ending {
		<-l.done
	}
	for _, source := range unused {
		p.closeSource(source)
	}
	return change, nil
}

// put puts a new set in force. It returns the running loops that end because of it,
// and the sources that nobody uses once they have ended: the old ones, and those
// given for streams that are kept. It is called under the lock.
func (p *Poller) put(loops []*loop) (change Change, ending []*loop, unused []any) {
	var added, gone []*loop
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
			unused = append(unused, l.stream.source())
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
		unused = append(unused, old.stream.source())
	}
	p.loops, p.byName = loops, byName
	p.keepLimiters(slices.Concat(loops, gone))
	unused = except(unused, loops)
	if p.stage != running {
		return change, nil, unused
	}
	for _, old := range gone {
		old.cancel()
	}
	for _, l := range added {
		p.spawn(l)
	}
	return change, gone, unused
}

// keepLimiters forgets the limiters that none of the loops has. It is called under the
// lock.
func (p *Poller) keepLimiters(loops []*loop) {
	p.limiters = nil
	for _, l := range loops {
		if l.keys != nil && l.stream.Upstream != "" {
			if p.limiters == nil {
				p.limiters = make(map[string]*limiter)
			}
			p.limiters[l.stream.Upstream] = l.keys.limiter
		}
	}
}

// except returns the sources that none of the loops has: a caller may hand in one
// that is in use already.
func except(sources []any, loops []*loop) []any {
	return slices.DeleteFunc(sources, func(source any) bool {
		return slices.ContainsFunc(loops, func(l *loop) bool { return isSame(source, l.stream.source()) })
	})
}

package hub

// apply makes a batch of the log part of history and hands it to all
// subscribers. Only Run calls it.
func (h *Hub) apply(batch Batch) { h.tell(batch, h.record(batch)) }

// tell hands a batch that was recorded to all subscribers. Those that it does not follow
// end.
func (h *Hub) tell(batch Batch, broken bool) {
	if broken {
		h.endBroken(batch.After)
	}
	h.endLacking()
	h.endWaiting(batch.Head)
	h.broadcast(batch.Events)
	h.noteTold()
	if batch.Head.IsZero() || !h.isBefore(batch.Head) {
		h.recoveredOnce.Do(func() { close(h.recovered) })
	}
}

// noteTold notes that the last batch was handed to all subscribers.
func (h *Hub) noteTold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.toldBatches = h.batches
	h.advanceLocked()
}

// isBefore reports whether the log has given out a position that was not read yet.
func (h *Hub) isBefore(head ID) bool {
	at := h.Position()
	return at.epoch != head.epoch || at.seq < head.seq
}

// record adds a batch to the histories, and notes the streams of its events. It reports
// whether the batch does not follow the previous one.
func (h *Hub) record(batch Batch) (broken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.advanceLocked()
	h.batches++
	if after := batch.After; h.epoch != after.epoch || h.head < after.seq {
		broken = true
		if h.epoch != "" {
			h.counters.gaps.Add(1)
		}
		h.loseLocked(after)
		h.epoch, h.head = after.epoch, after.seq
	}
	if !batch.Head.IsZero() {
		h.heads++
	}
	h.lacking = h.lacking[:0]
	for _, begin := range batch.Begins {
		h.beginLocked(begin)
	}
	for _, loss := range batch.Lost {
		h.lackLocked(loss)
	}
	h.batch = h.batch[:0]
	for _, e := range batch.Events {
		s := h.streams.load(e.stream)
		if s == nil && e.kind == KindData {
			s = h.publishedKeyLocked(e)
		}
		h.batch = append(h.batch, s)
		h.head = e.id.seq
		switch {
		case s == nil: // a stream that only other nodes have
		case e.kind == KindStatus && s.dormant: // a new poller begins with live
		case e.kind == KindStatus:
			s.setStatus(e)
		default:
			before := s.history.extent()
			s.history.add(e)
			h.budget.changed(s, before)
			s.events++
			if s.family != nil {
				h.recordKeyLocked(s, e)
			}
			h.counters.published.Add(1)
		}
	}
	h.head = max(h.head, batch.End)
	h.feedLocked(batch.Events, broken || len(h.lacking) > 0)
	return broken
}

// loseLocked notes in every history that the events up to a position are missing, and
// forgets what is of another epoch.
func (h *Hub) loseLocked(after ID) {
	restarts := h.epoch != after.epoch
	for s := range h.streams.all() {
		if restarts {
			s.history.clear()
			s.setStatus(nil)
			s.pending = h.opts.Beginnings
		}
		s.history.markLostUpTo(after.seq)
	}
	if restarts {
		h.budget.bytes = 0
	}
	for _, f := range h.set.Load().keyed {
		if restarts {
			h.restartLocked(f)
		}
		f.loses(after.seq)
	}
}

// lackLocked notes that events of one stream are missing, and that its subscribers have to
// be told. The caller holds Hub.mu.
func (h *Hub) lackLocked(loss Loss) {
	s := h.streams.load(loss.Stream)
	if s == nil {
		f := h.set.Load().keyed[loss.Stream]
		if f == nil {
			f = h.family(loss.Stream)
		}
		if f != nil {
			f.loses(loss.UpTo)
		}
		return
	}
	if s.history.evicted < loss.UpTo {
		s.history.markLostUpTo(loss.UpTo)
		h.lacking = append(h.lacking, lack{s, loss.UpTo})
	}
}

// lack is a Loss of a stream that exists.
type lack struct {
	stream *stream
	upTo   uint64
}

// advanceLocked wakes everything that waits for progress.
func (h *Hub) advanceLocked() {
	if h.progress != nil {
		close(h.progress)
		h.progress = nil
	}
}

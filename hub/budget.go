package hub

// budget bounds the histories of all streams together. The stream that could evict
// most evicts first, so a busy stream does not push out the history of a quiet one.
// It has no lock of its own.
type budget struct {
	limit int
	bytes int       // of all histories
	order []*stream // a heap: the first could evict most
}

// add adds a stream and its history.
func (b *budget) add(s *stream) {
	s.rank = len(b.order)
	b.order = append(b.order, s)
	b.bytes += s.history.bytes
	b.up(s.rank)
}

// remove removes a stream and its history.
func (b *budget) remove(s *stream) {
	last := len(b.order) - 1
	at := s.rank
	b.swap(at, last)
	b.order[last] = nil
	b.order = b.order[:last]
	b.bytes -= s.history.bytes
	if at < last {
		b.fix(at)
	}
}

// changed notes that the history of a stream had another extent before, and evicts
// events until all histories are within the limit.
func (b *budget) changed(s *stream, before extent) {
	b.count(s, before)
	b.fix(s.rank)
	for b.bytes > b.limit && b.order[0].history.evictable() > 0 {
		b.evict()
	}
}

// evict drops the oldest event of the stream that could evict most.
func (b *budget) evict() {
	most := b.order[0]
	before := most.history.extent()
	most.history.evict()
	b.count(most, before)
	b.down(0)
}

// count notes that the history of a stream had another extent before.
func (b *budget) count(s *stream, before extent) {
	more := s.history.extent().minus(before)
	b.bytes += more.bytes
	if s.family != nil {
		s.family.keeps(s, more)
	}
}

func (b *budget) fix(i int) {
	if !b.down(i) {
		b.up(i)
	}
}

func (b *budget) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if b.order[parent].history.evictable() >= b.order[i].history.evictable() {
			return
		}
		b.swap(i, parent)
		i = parent
	}
}

// down reports whether the stream has moved.
func (b *budget) down(i int) bool {
	begin := i
	for {
		most := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(b.order); child++ {
			if b.order[child].history.evictable() > b.order[most].history.evictable() {
				most = child
			}
		}
		if most == i {
			return i > begin
		}
		b.swap(i, most)
		i = most
	}
}

func (b *budget) swap(i, j int) {
	b.order[i], b.order[j] = b.order[j], b.order[i]
	b.order[i].rank, b.order[j].rank = i, j
}

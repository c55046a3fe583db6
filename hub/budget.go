package hub

// budget bounds what all streams keep together. Who has most beside its newest
// document gives first, so a quiet stream keeps its history beside a busy one. It
// is a plain data structure: its owner locks.
type budget struct {
	limit int
	bytes int       // of everything that is kept
	order []*stream // a heap: the first could give most
}

// add takes a stream in.
func (b *budget) add(s *stream) {
	s.rank = len(b.order)
	b.order = append(b.order, s)
	b.bytes += s.history.bytes
	b.up(s.rank)
}

// remove lets go of a stream, and of what it keeps.
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

// changed notes that what a stream keeps is not the size that it was, and evicts
// where all keep too much.
func (b *budget) changed(s *stream, before int) {
	b.bytes += s.history.bytes - before
	b.fix(s.rank)
	for b.bytes > b.limit && b.order[0].history.spare() > 0 {
		b.evict()
	}
}

// evict drops the oldest event of whoever could give most.
func (b *budget) evict() {
	most := b.order[0]
	before := most.history.bytes
	most.history.evict()
	b.bytes += most.history.bytes - before
	b.down(0)
}

func (b *budget) fix(i int) {
	if !b.down(i) {
		b.up(i)
	}
}

func (b *budget) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if b.order[parent].history.spare() >= b.order[i].history.spare() {
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
			if b.order[child].history.spare() > b.order[most].history.spare() {
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

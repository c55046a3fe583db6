package load

// memory is how many of the newest events an order remembers one by one.
const memory = 64

// order is what one client has seen of a phase: enough to tell an event that is
// new from one that comes twice or late, in 16 bytes a client.
type order struct {
	top  uint32 // the newest event seen
	seen uint64 // bit i: top-i was seen
}

type verdict uint8

const (
	fresh     verdict = iota // newer than all before
	late                     // new, but a newer one came before it
	duplicate                // seen already, or so old that nobody remembers
)

// begin forgets everything before the event first.
func (o *order) begin(first uint32) { *o = order{top: first - 1, seen: ^uint64(0)} }

// add judges the event seq, which is not before the first.
func (o *order) add(seq uint32) verdict {
	if seq > o.top {
		if distance := seq - o.top; distance < memory {
			o.seen = o.seen<<distance | 1
		} else {
			o.seen = 1
		}
		o.top = seq
		return fresh
	}
	distance := o.top - seq
	if distance >= memory || o.seen>>distance&1 == 1 {
		return duplicate
	}
	o.seen |= 1 << distance
	return late
}

package document

import "iter"

// Value is a value within a document that [Parse] has read. It is small, can be
// compared with ==, which asks whether two are the same place of the same Parse,
// and may be used by many goroutines at once. The zero Value is none: its
// methods panic.
type Value struct {
	tree *tree
	node uint32
}

func (v Value) at() *node { return &v.tree.nodes[v.node] }

// Kind returns which kind of value v is.
func (v Value) Kind() Kind { return kindOf(v.tree.data[v.at().start]) }

// Raw returns the text of v as it was written: a slice of what Parse was given,
// not to be changed.
func (v Value) Raw() []byte { return v.tree.raw(v.node) }

// Footprint returns how many bytes Parse took for the values of the whole document
// that v is in, beside the document itself.
func (v Value) Footprint() int { return cap(v.tree.nodes) * nodeSize }

// Len returns how many members an object or elements an array has, and 0 of
// other kinds.
func (v Value) Len() int { return int(v.at().len) }

// Children returns the members of an object or the elements of an array, in the
// order in which they are written, and nothing of other kinds.
func (v Value) Children() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		end := v.at().next
		for i := v.node + 1; i < end; i = v.tree.nodes[i].next {
			if !yield(Value{tree: v.tree, node: i}) {
				return
			}
		}
	}
}

// Key returns the key under which v is a member, as it was written, with its
// quotes: a slice as Raw returns it. It is nil if v is no member.
func (v Value) Key() []byte { return v.tree.key(v.node) }

// Name returns the key under which v is a member, decoded as by Text. It is nil
// if v is no member.
func (v Value) Name() []byte {
	if key := v.Key(); key != nil {
		return unquote(key)
	}
	return nil
}

// Text returns what a string says, decoded, and nil for other kinds. A string
// without escapes is not copied, so the result must not be changed. A surrogate
// in an escape that has no partner is encoded as if it were a character (as in
// WTF-8), so that different strings never decode to the same bytes; only then is
// the result no valid UTF-8.
func (v Value) Text() []byte {
	if raw := v.Raw(); raw[0] == '"' {
		return unquote(raw)
	}
	return nil
}

func (t *tree) raw(i uint32) []byte {
	n := &t.nodes[i]
	return t.data[n.start:n.end:n.end]
}

func (t *tree) key(i uint32) []byte {
	n := &t.nodes[i]
	if n.key == 0 {
		return nil
	}
	end := n.start - 1 // the colon
	return t.data[n.key:end:end]
}

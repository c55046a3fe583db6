package document

import "iter"

// Value is a value in a document that [Parse] has split. It is small, and safe for
// concurrent use. Two values are == if they are the same place of the same Parse. The
// methods of the zero Value panic.
type Value struct {
	tree *tree
	node uint32
}

func (v Value) at() *node { return &v.tree.nodes[v.node] }

// Kind returns the kind of v.
func (v Value) Kind() Kind { return kindOf(v.tree.data[v.at().start]) }

// Raw returns v as it was written: a slice of the data of Parse, which must not be
// modified.
func (v Value) Raw() []byte { return v.tree.raw(v.node) }

// Footprint returns the number of bytes that Parse allocated for the whole document of
// v.
func (v Value) Footprint() int { return cap(v.tree.nodes) * nodeSize }

// Len returns the number of members of an object or elements of an array, and 0 for
// other kinds.
func (v Value) Len() int { return int(v.at().len) }

// Children returns the members of an object or the elements of an array, in the order
// in which they are written. Other kinds have none.
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

// Key returns the key of a member as it was written, with its quotes, as a slice like
// that of Raw. It is nil if v is not a member.
func (v Value) Key() []byte { return v.tree.key(v.node) }

// Name returns the key of a member, decoded as by Text. It is nil if v is not a member.
func (v Value) Name() []byte {
	if key := v.Key(); key != nil {
		return unquote(key)
	}
	return nil
}

// Text returns a string, decoded, and nil for other kinds. A string without escapes is
// not copied, so the result must not be modified. An escaped surrogate without a
// partner is encoded as if it were a character (as in WTF-8), so that different
// strings never decode to the same bytes. Only then is the result invalid UTF-8.
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

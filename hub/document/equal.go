package document

import (
	"bytes"
	"slices"
)

// Equal reports whether two values are the same JSON value, without the members and
// elements that the patterns in ignore match, which are left out of both.
//
//   - Objects are equal if their members are. The order of keys does not matter,
//     unless a key is repeated. Since parsers disagree on the meaning of such an
//     object, it only equals one with equal members in the same order.
//   - Arrays are equal if their elements are, in the same order.
//   - Strings and keys are equal if they are equal once decoded: "\u0041" equals
//     "A". They are not normalized.
//   - Numbers are equal if they are written alike: 1.0 differs from 1, 1e2 from 100,
//     and -0.0 from 0, because a parser that does not use float64 sees the
//     difference.
//
// The time is linear in the size of both.
func Equal(a, b Value, ignore ...Pattern) bool {
	if bytes.Equal(a.Raw(), b.Raw()) {
		return true
	}
	c := comparison{a: side{tree: a.tree}, b: side{tree: b.tree}}
	for _, p := range ignore {
		if len(p.pointer.tokens) == 0 {
			return true
		}
	}
	c.a.leaveOut(a, ignore)
	c.b.leaveOut(b, ignore)
	return c.same(a.node, b.node)
}

// comparison compares values of two trees. It recurses no deeper than MaxDepth.
type comparison struct {
	a, b side
}

func (c *comparison) same(i, j uint32) bool {
	x, y := c.a.tree.raw(i), c.b.tree.raw(j)
	kind := x[0]
	switch {
	case kind != y[0]:
		return false
	case kind == '"':
		return sameText(x, y)
	case kind == '{' && !c.sameKeys(i, j):
		return c.sameMembers(i, j)
	case kind == '{' || kind == '[':
		return c.sameInOrder(i, j)
	default:
		return bytes.Equal(x, y)
	}
}

// sameInOrder compares the contents of two containers one by one.
func (c *comparison) sameInOrder(i, j uint32) bool {
	endA, endB := c.a.end(i), c.b.end(j)
	i, j = c.a.first(i), c.b.first(j)
	for i < endA && j < endB {
		if !c.same(i, j) {
			return false
		}
		i, j = c.a.following(i), c.b.following(j)
	}
	return i >= endA && j >= endB
}

// sameKeys reports whether two objects have the same keys in the same order. It does
// not compare values, so no value is compared twice.
func (c *comparison) sameKeys(i, j uint32) bool {
	endA, endB := c.a.end(i), c.b.end(j)
	i, j = c.a.first(i), c.b.first(j)
	for i < endA && j < endB {
		if !sameText(c.a.tree.key(i), c.b.tree.key(j)) {
			return false
		}
		i, j = c.a.following(i), c.b.following(j)
	}
	return i >= endA && j >= endB
}

// sameMembers compares two objects whose keys differ, at least in their order.
func (c *comparison) sameMembers(i, j uint32) bool {
	if len(c.a.ignored) == 0 && len(c.b.ignored) == 0 && c.a.tree.nodes[i].len != c.b.tree.nodes[j].len {
		return false
	}
	membersA, membersB := c.a.members(i), c.b.members(j)
	if len(membersA) != len(membersB) {
		return false
	}
	if _, ok := newIndex(membersA); !ok {
		return false // a repeated key
	}
	index, ok := newIndex(membersB)
	if !ok {
		return false
	}
	for _, m := range membersA {
		at := index.find(m.name)
		if at < 0 || !c.same(m.node, membersB[at].node) {
			return false
		}
	}
	return true
}

// side is one of the two trees of a comparison.
type side struct {
	tree    *tree
	ignored []uint32 // nodes, ascending
}

// leaveOut leaves out what the patterns match in v.
func (s *side) leaveOut(v Value, ignore []Pattern) {
	for _, p := range ignore {
		p.FindAll(v, func(found Value) { s.ignored = append(s.ignored, found.node) })
	}
	slices.Sort(s.ignored)
	s.ignored = slices.Compact(s.ignored)
}

// end returns the node after the contents of a container.
func (s *side) end(container uint32) uint32 { return s.tree.nodes[container].next }

// first returns the first node in a container that is not ignored, or its end.
func (s *side) first(container uint32) uint32 {
	return s.skip(container+1, s.end(container))
}

// following returns the next node in the container of i that is not ignored. After the
// last one, it returns the end of the container or a node beyond it.
func (s *side) following(i uint32) uint32 {
	return s.skip(s.tree.nodes[i].next, uint32(len(s.tree.nodes)))
}

func (s *side) skip(i, end uint32) uint32 {
	if len(s.ignored) == 0 {
		return i
	}
	for i < end {
		if _, ignored := slices.BinarySearch(s.ignored, i); !ignored {
			break
		}
		i = s.tree.nodes[i].next
	}
	return i
}

func (s *side) members(object uint32) []member {
	members := make([]member, 0, s.tree.nodes[object].len)
	end := s.end(object)
	for i := s.first(object); i < end; i = s.following(i) {
		members = append(members, member{name: unquote(s.tree.key(i)), node: i})
	}
	return members
}

package document

import (
	"bytes"
	"slices"
)

// fewMembers is the number of members up to which a linear search is faster than a map
// of their names.
const fewMembers = 12

// member is a member of an object, by its decoded key.
type member struct {
	name []byte
	node uint32
}

// index finds members by name.
type index struct {
	members []member
	byName  map[string]int // nil for at most fewMembers
}

// newIndex returns false if a name is repeated.
func newIndex(members []member) (x index, ok bool) {
	x.members = members
	if len(members) <= fewMembers {
		for i := range members {
			if x.find(members[i].name) != i {
				return x, false
			}
		}
		return x, true
	}
	x.byName = make(map[string]int, len(members))
	for i := range members {
		x.byName[string(members[i].name)] = i
		if len(x.byName) != i+1 {
			return x, false
		}
	}
	return x, true
}

// find returns the index of the first member with the name, or -1.
func (x *index) find(name []byte) int {
	if x.byName != nil {
		if at, ok := x.byName[string(name)]; ok {
			return at
		}
		return -1
	}
	for i := range x.members {
		if bytes.Equal(x.members[i].name, name) {
			return i
		}
	}
	return -1
}

// Repeats reports whether v, or an object in it, repeats a key, as decoded. RFC 8259
// section 4 leaves the meaning of such an object to the parser; most use the last
// member.
func (v Value) Repeats() bool {
	t := v.tree
	var members []member
	for i, end := v.node, v.at().next; i < end; i++ {
		n := &t.nodes[i]
		if n.len < 2 || t.data[n.start] != '{' {
			continue
		}
		members = slices.Grow(members[:0], int(n.len))
		for child := i + 1; child < n.next; child = t.nodes[child].next {
			members = append(members, member{name: unquote(t.key(child)), node: child})
		}
		if _, ok := newIndex(members); !ok {
			return true
		}
	}
	return false
}

package document

import (
	"bytes"
	"slices"
)

// fewMembers is up to how many members are compared each with each, which is
// faster than a map of their names.
const fewMembers = 12

// member is a member of an object, by its decoded key.
type member struct {
	name []byte
	node uint32
}

// index finds members by name.
type index struct {
	members []member
	byName  map[string]int // nil for few
}

// newIndex reports false if a name is there twice.
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

// find returns where in members the first of that name is, or -1.
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

// Repeats reports whether v, or an object within it, has a key twice, once
// decoded. RFC 8259 section 4 leaves to the reader what such an object says;
// most take the last.
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

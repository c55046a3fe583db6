package delta

import (
	"bytes"

	"github.com/polluxhub/pollux/hub/document"
)

// Merge returns the JSON Merge Patch (RFC 7396) that turns the compact document
// from into the compact document to; {} if the two are equal. It returns false if
// there is no such patch that is smaller than to; see the package comment.
//
// A merge patch cannot set a member to null: null means that the member is removed.
// So there is no patch if a member becomes null, or is new and contains a member that
// is null. Nulls in arrays, and nulls that stay, are fine. An array that changed is
// sent whole. Both documents must be objects.
func Merge(from, to []byte) (doc []byte, ok bool) {
	a, b, ok := parse(from, to)
	if !ok {
		return nil, false
	}
	return MergeValues(a, b)
}

// MergeValues is Merge for parsed documents. Neither may repeat a key, see
// [document.Value.Repeats].
func MergeValues(a, b document.Value) (doc []byte, ok bool) {
	if a.Kind() != document.Object || b.Kind() != document.Object {
		return nil, false
	}
	from, to := a.Raw(), b.Raw()
	m := merger{
		limit: len(to) - 1,
		work:  work{left: workPerByte*(len(from)+len(to)) + leastWork},
	}
	if !m.object(a, b) {
		return nil, false
	}
	return m.doc, true
}

// merger writes the merge patch for one pair of documents. Its methods return false
// if the patch would exceed the limits.
type merger struct {
	doc   []byte
	limit int // on the length of doc
	work  work
}

// object writes the merge patch for two objects.
func (m *merger) object(a, b document.Value) bool {
	if !m.work.spend(1 + a.Len() + b.Len()) {
		return false
	}
	m.doc = append(m.doc, '{')
	removed, members := join(a, b, &m.work)
	for _, member := range removed {
		if !m.write(member.Key(), ":null,") {
			return false
		}
	}
	for _, member := range members {
		if !m.member(member) {
			return false
		}
	}
	if last := len(m.doc) - 1; m.doc[last] == ',' {
		m.doc[last] = '}'
	} else {
		m.doc = append(m.doc, '}')
	}
	return len(m.doc) <= m.limit
}

// member writes a member if it is new or changed, and a comma.
func (m *merger) member(member counterpart) bool {
	from, to := member.from, member.to
	if member.known {
		if len(from.Raw()) == len(to.Raw()) && !m.work.spend(len(to.Raw())/bytesPerStep) {
			return false
		}
		if bytes.Equal(from.Raw(), to.Raw()) {
			return true
		}
		if from.Kind() == document.Object && to.Kind() == document.Object {
			return m.nested(from, to)
		}
		if from.Kind() == to.Kind() && m.work.spend((len(from.Raw())+len(to.Raw()))/4) && document.Equal(from, to) {
			return true
		}
	}
	return !containsNull(to) && m.write(to.Key(), ":") && m.write(to.Raw(), ",")
}

// nested writes a member that was an object and still is one, unless it is unchanged.
func (m *merger) nested(from, to document.Value) bool {
	mark := len(m.doc)
	if !m.write(to.Key(), ":") {
		return false
	}
	empty := len(m.doc) + len("{}")
	if !m.object(from, to) {
		return false
	}
	if len(m.doc) == empty {
		m.doc = m.doc[:mark]
	} else {
		m.doc = append(m.doc, ',')
	}
	return true
}

func (m *merger) write(text []byte, behind string) bool {
	size := len(text) + len(behind)
	if len(m.doc)+size > m.limit || !m.work.spend(1+size/bytesPerStep) {
		return false
	}
	m.doc = append(append(m.doc, text...), behind...)
	return true
}

// containsNull reports whether a value is null or has a member that is null, which a merge
// patch would remove. Arrays do not matter (RFC 7396 section 2).
func containsNull(v document.Value) bool {
	switch v.Kind() {
	case document.Null:
		return true
	case document.Object:
		for member := range v.Children() {
			if containsNull(member) {
				return true
			}
		}
		return false
	default:
		return false
	}
}

package document

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Bounds of a Projection.
const (
	MaxFields   = 16  // pointers
	MaxFieldLen = 256 // bytes of each
)

// ErrFields is returned, wrapped with the reason, by NewProjection.
var ErrFields = errors.New("document: invalid fields")

// Projection picks parts of documents. The zero Projection picks the whole document.
// It is immutable.
type Projection struct {
	root *branch
	text string
}

// branch says which parts of one value are wanted: all of it if there are no children.
type branch struct {
	children map[string]*branch
	elements []element // the children that can be elements of an array, by index
}

// element says which parts of one element of an array are wanted.
type element struct {
	index  int
	wanted *branch
}

// NewProjection returns the projection that picks the parts at the JSON Pointers (RFC
// 6901): at most MaxFields, of MaxFieldLen bytes each. Without pointers it picks the
// whole document. Each error is an ErrFields.
func NewProjection(pointers []string) (Projection, error) {
	if len(pointers) > MaxFields {
		return Projection{}, fmt.Errorf("%w: %d, limit %d", ErrFields, len(pointers), MaxFields)
	}
	if len(pointers) == 0 {
		return Projection{}, nil
	}
	root := &branch{children: make(map[string]*branch)}
	for _, text := range pointers {
		if len(text) > MaxFieldLen {
			return Projection{}, fmt.Errorf("%w: one of %d bytes, limit %d", ErrFields, len(text), MaxFieldLen)
		}
		pointer, err := ParsePointer(text)
		if err != nil {
			return Projection{}, fmt.Errorf("%w: %w", ErrFields, err)
		}
		root.add(pointer.tokens)
	}
	if root.children == nil {
		return Projection{}, nil // a pointer to the whole document
	}
	root.number()
	sorted := slices.Clone(pointers)
	slices.Sort(sorted)
	return Projection{root: root, text: fmt.Sprintf("%q", slices.Compact(sorted))}, nil
}

func (b *branch) add(tokens []string) {
	for _, token := range tokens {
		if b.children == nil {
			return // the whole value is wanted already
		}
		next := b.children[token]
		if next == nil {
			next = &branch{children: make(map[string]*branch)}
			b.children[token] = next
		}
		b = next
	}
	b.children = nil
}

// number finds the children that can be elements. An index has only one spelling.
func (b *branch) number() {
	for name, child := range b.children {
		if index, err := strconv.Atoi(name); err == nil && index >= 0 && strconv.Itoa(index) == name {
			b.elements = append(b.elements, element{index, child})
		}
		child.number()
	}
	slices.SortFunc(b.elements, func(x, y element) int { return cmp.Compare(x.index, y.index) })
}

// String returns a text that identifies the projection: it is the same for the same
// pointers in any order, and different for others. It is empty for the projection
// that picks the whole document.
func (p Projection) String() string { return p.text }

// Apply returns the picked parts of a compact document, in their places and their
// order: the picked members of objects, and the picked elements of arrays, which move
// up. Missing parts are left out. If all are missing, the result is an empty object
// or array, or null if the document is neither. An invalid document gives null too.
func (p Projection) Apply(document []byte) []byte {
	if p.root == nil {
		return document
	}
	v, err := Parse(document)
	if err != nil {
		return []byte("null")
	}
	return p.Pick(v)
}

// Pick is Apply for a parsed document. It looks only at values on the way to the
// parts: the members of the objects, and the elements up to the last picked one.
func (p Projection) Pick(v Value) []byte {
	if p.root == nil {
		return v.Raw()
	}
	if picked := appendPicked(make([]byte, 0, 64), v, p.root); picked != nil {
		return picked
	}
	switch v.Kind() {
	case Object:
		return []byte("{}")
	case Array:
		return []byte("[]")
	default:
		return []byte("null")
	}
}

// appendPicked appends the picked parts of v, or returns nil if all are missing.
func appendPicked(dst []byte, v Value, wanted *branch) []byte {
	switch {
	case wanted.children == nil:
		return append(dst, v.Raw()...)
	case v.Kind() == Object:
		return appendMembers(dst, v, wanted)
	case v.Kind() == Array:
		return appendElements(dst, v, wanted)
	default:
		return nil
	}
}

func appendMembers(dst []byte, v Value, wanted *branch) []byte {
	dst = append(dst, '{')
	begin := len(dst)
	for member := range v.Children() {
		next := wanted.children[string(member.Name())]
		if next == nil {
			continue
		}
		before := len(dst)
		if before > begin {
			dst = append(dst, ',')
		}
		dst = append(append(dst, member.Key()...), ':')
		if picked := appendPicked(dst, member, next); picked != nil {
			dst = picked
		} else {
			dst = dst[:before]
		}
	}
	if len(dst) == begin {
		return nil
	}
	return append(dst, '}')
}

func appendElements(dst []byte, v Value, wanted *branch) []byte {
	if len(wanted.elements) == 0 {
		return nil
	}
	dst = append(dst, '[')
	begin, index, left := len(dst), 0, wanted.elements
	for child := range v.Children() {
		if left[0].index == index {
			before := len(dst)
			if before > begin {
				dst = append(dst, ',')
			}
			if picked := appendPicked(dst, child, left[0].wanted); picked != nil {
				dst = picked
			} else {
				dst = dst[:before]
			}
			if left = left[1:]; len(left) == 0 {
				break
			}
		}
		index++
	}
	if len(dst) == begin {
		return nil
	}
	return append(dst, ']')
}

package document

import (
	"errors"
	"fmt"
	"strconv"
)

// Bounds of a Projection.
const (
	maxFields   = 16
	maxFieldLen = 256
)

// ErrFields is returned, wrapped with the reason, for too many or too long
// pointers.
var ErrFields = errors.New("document: fields out of bounds")

// Projection picks parts of documents. The zero Projection picks everything. It
// is immutable.
type Projection struct{ root *branch }

// branch is what is wanted of one value: all of it if it has no children.
type branch struct{ children map[string]*branch }

// NewProjection returns the projection to the parts that the JSON Pointers (RFC
// 6901) point to, at most 16 of 256 bytes each. None picks everything. The errors
// are those of [ParsePointer], and ErrFields.
func NewProjection(pointers []string) (Projection, error) {
	var p Projection
	if len(pointers) > maxFields {
		return p, fmt.Errorf("%w: %d, limit %d", ErrFields, len(pointers), maxFields)
	}
	for _, text := range pointers {
		if len(text) > maxFieldLen {
			return Projection{}, fmt.Errorf("%w: one of %d bytes, limit %d", ErrFields, len(text), maxFieldLen)
		}
		pointer, err := ParsePointer(text)
		if err != nil {
			return Projection{}, err
		}
		if p.root == nil {
			p.root = &branch{children: make(map[string]*branch)}
		}
		p.root.add(pointer.tokens)
	}
	return p, nil
}

func (b *branch) add(tokens []string) {
	for _, token := range tokens {
		if b.children == nil {
			return // all of it is wanted already
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

// Apply returns the picked parts of a compact document, in their places and in
// their order: of objects the picked members, of arrays the picked elements,
// which thereby move up. Parts that there are not are left out. If none is there,
// the result is an empty object or array, or null where the document is neither.
// What is no document is null too.
func (p Projection) Apply(document []byte) []byte {
	if p.root == nil || p.root.children == nil {
		return document
	}
	v, err := Parse(document)
	if err != nil {
		return []byte("null")
	}
	if picked := appendPicked(make([]byte, 0, 256), v, p.root); picked != nil {
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

// appendPicked appends what is picked of v, or returns nil if that is nothing.
func appendPicked(dst []byte, v Value, wanted *branch) []byte {
	if wanted.children == nil {
		return append(dst, v.Raw()...)
	}
	if v.Len() == 0 {
		return nil
	}
	isObject := v.Kind() == Object
	open, end := byte('['), byte(']')
	if isObject {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	begin, index := len(dst), 0
	for child := range v.Children() {
		name := strconv.Itoa(index)
		if isObject {
			name = string(child.Name())
		}
		index++
		next := wanted.children[name]
		if next == nil {
			continue
		}
		before := len(dst)
		if before > begin {
			dst = append(dst, ',')
		}
		if isObject {
			dst = append(append(dst, child.Key()...), ':')
		}
		picked := appendPicked(dst, child, next)
		if picked == nil {
			dst = dst[:before]
			continue
		}
		dst = picked
	}
	if len(dst) == begin {
		return nil
	}
	return append(dst, end)
}

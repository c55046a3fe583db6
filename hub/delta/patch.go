package delta

import (
	"bytes"
	"hash/maphash"

	"github.com/polluxhub/pollux/hub/document"
)

// Options say how two documents are compared. The zero value is good.
type Options struct {
	// Key points from an element of an array to what identifies it, such as
	// /id. An array is compared by key if each of its elements, before and
	// after, is an object with a string, number, true, false or null there, and
	// none has the same as another: an element that was inserted is then one
	// operation, and so is one that was removed or moved. Other arrays are
	// compared as if there were no key. The zero Pointer means no key.
	Key document.Pointer
}

// Patch returns the operations of RFC 6902 that turn the compact document from
// into the compact document to: a compact JSON array of add, remove, replace and
// move, which is empty if the two are equal. It reports false if there is no such
// delta, or none smaller than to; see the package comment.
//
// Arrays that are not compared by key are compared by what is in them: elements
// that are alike at the beginning and the end, and those of a longest common
// subsequence in between, stay. What lies between two of these is compared by
// position. Where the common subsequence would take more than 256 insertions and
// removals (elements that only one side has, which cannot be in it, do not
// count), or where there are more than 65,536 elements, all is compared by
// position. An object or array of which the changes would take more bytes than it
// does is replaced.
func Patch(from, to []byte, options Options) (ops []byte, ok bool) {
	a, b, ok := parse(from, to)
	if !ok {
		return nil, false
	}
	return PatchValues(a, b, options)
}

// PatchValues is Patch for documents that were parsed already. Neither may repeat a
// key, as [document.Value.Repeats] tells.
func PatchValues(a, b document.Value, options Options) (ops []byte, ok bool) {
	from, to := a.Raw(), b.Raw()
	d := differ{
		key:   options.Key,
		keyed: options.Key.String() != "",
		seed:  maphash.MakeSeed(),
		ops:   []byte{'['},
		work:  work{left: workPerByte*(len(from)+len(to)) + leastWork},
	}
	if !d.value(a, b, len(to)-1) {
		return nil, false
	}
	if last := len(d.ops) - 1; last > 0 {
		d.ops[last] = ']' // was a comma
	} else {
		d.ops = append(d.ops, ']')
	}
	if len(d.ops) >= len(to) {
		return nil, false
	}
	return d.ops, true
}

// parse reads two documents. It reports false if either is none, or has a
// repeated key.
func parse(from, to []byte) (a, b document.Value, ok bool) {
	a, err := document.Parse(from)
	if err != nil || a.Repeats() {
		return a, b, false
	}
	b, err = document.Parse(to)
	return a, b, err == nil && !b.Repeats()
}

// differ writes the operations for one pair of documents.
//
// Its methods that compare two values take a limit on the length of ops, and
// report false, with anything behind what was there before, if they cannot keep
// to it or the work is spent. So nobody writes changes that are longer than
// what they are in.
type differ struct {
	key   document.Pointer
	keyed bool
	seed  maphash.Seed
	ops   []byte // '[', then operations, each with a comma behind
	path  path   // of the values that are compared
	work  work
}

// value turns a into b.
func (d *differ) value(a, b document.Value, limit int) bool {
	if d.equal(a, b) {
		return true
	}
	mark, at := len(d.ops), len(d.path)
	whole := mark + d.size("replace", b.Raw())
	if d.inside(a, b, min(limit, whole)) {
		return true
	}
	d.ops, d.path = d.ops[:mark], d.path[:at]
	return d.operation("replace", b.Raw(), limit)
}

// equal looks at bytes, and at values only of what has nothing inside. Others may
// be equal although it reports false: that shows when what is inside is compared.
func (d *differ) equal(a, b document.Value) bool {
	if x, y := a.Raw(), b.Raw(); len(x) == len(y) {
		d.work.spend(len(x) / bytesPerStep)
		if bytes.Equal(x, y) {
			return true
		}
	}
	return a.Len() == 0 && b.Len() == 0 && document.Equal(a, b)
}

// inside turns a into b by changes to what is in it, if both are of one kind
// that has anything in it.
func (d *differ) inside(a, b document.Value, limit int) bool {
	kind := a.Kind()
	switch {
	case kind != b.Kind() || !d.work.spend(1+a.Len()+b.Len()):
		return false
	case kind == document.Object:
		return d.object(a, b, limit)
	case kind == document.Array:
		return d.array(a, b, limit)
	default:
		return false
	}
}

func (d *differ) object(a, b document.Value, limit int) bool {
	removed, members := join(a, b, &d.work)
	for _, member := range removed {
		at := d.path.key(member.Key())
		if !d.operation("remove", nil, limit) {
			return false
		}
		d.path = d.path[:at]
	}
	for _, member := range members {
		at := d.path.key(member.to.Key())
		switch {
		case !member.known:
			if !d.operation("add", member.to.Raw(), limit) {
				return false
			}
		case !d.value(member.from, member.to, limit):
			return false
		}
		d.path = d.path[:at]
	}
	return true
}

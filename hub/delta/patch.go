package delta

import (
	"bytes"
	"hash/maphash"

	"github.com/polluxhub/pollux/hub/document"
)

// Options say how two documents are compared. The zero value is ready to use.
type Options struct {
	// Key points from an element of an array to the value that identifies it, such
	// as /id. An array is compared by key if each of its old and new elements is an
	// object with a string, number, true, false or null there, and no two elements
	// have the same value. Then one operation inserts, removes or moves an element.
	// Other arrays are compared as if there were no key. The zero Pointer means no
	// key.
	Key document.Pointer
}

// Patch returns the operations of RFC 6902 that turn the compact document from
// into the compact document to: a compact JSON array of add, remove, replace and
// move, which is empty if the two are equal. It returns false if there is no such
// array that is smaller than to; see the package comment.
//
// Arrays that are not compared by key are compared by their elements. Equal elements
// at the beginning and the end stay, and so do the elements of a longest common
// subsequence in between. The elements between two of these are compared by position.
// All elements are compared by position if there are more than 65,536, or if the
// common subsequence would take more than 256 insertions and removals, without those
// of elements that only one side has. An object or array whose changes would take
// more bytes than itself is replaced.
func Patch(from, to []byte, options Options) (ops []byte, ok bool) {
	a, b, ok := parse(from, to)
	if !ok {
		return nil, false
	}
	return PatchValues(a, b, options)
}

// PatchValues is Patch for parsed documents. Neither may repeat a key, see
// [document.Value.Repeats].
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
		d.ops[last] = ']' // in place of the comma
	} else {
		d.ops = append(d.ops, ']')
	}
	if len(d.ops) >= len(to) {
		return nil, false
	}
	return d.ops, true
}

// parse parses two documents. It returns false if either is invalid or repeats a key.
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
// Its methods that compare two values take a limit on the length of ops. They return
// false, with an arbitrary rest after the operations so far, if they would exceed it
// or the work is spent. So the changes of a value are never longer than the value.
type differ struct {
	key   document.Pointer
	keyed bool
	seed  maphash.Seed
	ops   []byte // '[', then the operations, each with a comma
	path  path   // to the values that are compared
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

// equal compares bytes, and the values of scalars and empty containers. It may return
// false for equal containers: comparing their contents will show that.
func (d *differ) equal(a, b document.Value) bool {
	if x, y := a.Raw(), b.Raw(); len(x) == len(y) {
		d.work.spend(len(x) / bytesPerStep)
		if bytes.Equal(x, y) {
			return true
		}
	}
	return a.Len() == 0 && b.Len() == 0 && document.Equal(a, b)
}

// inside turns a into b by changes to its contents, if both are objects or arrays.
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

package delta

import (
	"hash/maphash"

	"github.com/polluxhub/pollux/hub/document"
)

// sum returns a hash of a value. Equal values (document.Equal) have the same hash, and
// others hardly ever. A collision does no harm, because values with the same hash are
// compared in the end.
func sum(seed maphash.Seed, v document.Value) uint64 {
	switch v.Kind() {
	case document.Object:
		h := uint64(v.Len())
		for member := range v.Children() {
			h += mix(maphash.Bytes(seed, member.Name()), sum(seed, member)) // in any order
		}
		return mix(h, uint64(document.Object))
	case document.Array:
		h := uint64(document.Array)
		for element := range v.Children() {
			h = mix(h, sum(seed, element))
		}
		return h
	case document.String:
		return mix(maphash.Bytes(seed, v.Text()), uint64(document.String))
	default:
		return maphash.Bytes(seed, v.Raw())
	}
}

// mix combines two hashes. Their order matters.
func mix(a, b uint64) uint64 {
	h := (a ^ 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>31 ^ b) * 0x94D049BB133111EB
	return h ^ h>>29
}

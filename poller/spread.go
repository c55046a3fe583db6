package poller

import (
	"hash/fnv"
	"math/bits"
	"time"
)

// spreadEach is how much each stream adds to the time over which ticks are spread, so
// that a few streams do not wait long for their first fetch.
const spreadEach = 100 * time.Millisecond

// phase returns how far into the window the ticks of a stream are. It is always the
// same for one name. For many names it is spread evenly from 0 to less than window.
func phase(name string, window time.Duration) time.Duration {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name)) // which never fails
	part, _ := bits.Mul64(mix(hash.Sum64()), uint64(max(0, window)))
	return time.Duration(part)
}

// mix spreads a difference over all bits, like the last step of SplitMix64. FNV-1a
// alone does not: names that differ in their last letter have the same upper bits.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

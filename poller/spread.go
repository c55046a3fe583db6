package poller

import (
	"hash/fnv"
	"math/bits"
	"time"
)

// spreadEach is by how much the time over which ticks are spread grows with each
// stream: a few are not kept waiting.
const spreadEach = 100 * time.Millisecond

// phase returns how far into the window the ticks of a stream are: always the
// same for one name, and for many names evenly from 0 to less than window.
func phase(name string, window time.Duration) time.Duration {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name)) // which never fails
	part, _ := bits.Mul64(mix(hash.Sum64()), uint64(max(0, window)))
	return time.Duration(part)
}

// mix spreads what differs over all bits, as SplitMix64 ends. FNV-1a alone does
// not: names that differ in their last letter have the same upper bits.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

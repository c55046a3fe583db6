//go:build unix

package machine

import (
	"math"
	"syscall"
)

// Descriptors returns how many descriptors the process may have. The runtime has
// raised that to the hard limit already.
func Descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt {
		return math.MaxInt
	}
	return int(limit.Cur)
}

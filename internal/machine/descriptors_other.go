//go:build !unix

package machine

import "math"

// Descriptors returns how many descriptors the process may have. On this system
// nothing limits them.
func Descriptors() int { return math.MaxInt }

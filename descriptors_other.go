//go:build !unix

package pollux

import "math"

// descriptors returns how many descriptors the process may have. On this system
// nothing limits them.
func descriptors() int { return math.MaxInt }

//go:build !unix

package listen

// restrict does nothing: descriptors have no mode here.
func restrict(uintptr) {}

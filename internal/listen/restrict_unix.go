//go:build unix

package listen

import "syscall"

// restrict has the file of a Unix socket made in such a way that nobody can connect before
// Chmod. On Linux the file gets the mode of the descriptor. Other systems refuse this.
func restrict(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) }

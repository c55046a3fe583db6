//go:build !linux

package fanout

import "net"

// heldBy cannot tell on this system how many bytes are in a socket that have not
// reached the other end.
func heldBy(net.Conn) int { return 0 }

// bequeath leaves it to the kernel how long it tries to send what a socket holds
// that is closed now.
func (e *Engine) bequeath(net.Conn) {}

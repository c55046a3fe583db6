//go:build !linux

package fanout

import "net"

// ListenConfig returns the configuration for listeners whose connections carry
// streams. On this system it is the ordinary one: a client that reads nothing is
// found out when the kernel's buffer is full.
func ListenConfig() net.ListenConfig { return net.ListenConfig{} }

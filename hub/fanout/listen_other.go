//go:build !linux

package fanout

import "net"

// ListenConfig returns the configuration for listeners whose connections carry streams.
// On this system it is the default one: a client that reads nothing is noticed when the
// buffer of the kernel is full.
func ListenConfig() net.ListenConfig { return net.ListenConfig{} }

//go:build !linux

package fanout

import "net"

// carried returns the listener for connections with TLS, which are not handed over here.
func carried(listener net.Listener) net.Listener { return listener }

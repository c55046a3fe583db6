// Package endpoint is about the places that a server listens at, as they are written.
package endpoint

import (
	"errors"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// Networks of an Endpoint.
const (
	TCP     = "tcp"
	Unix    = "unix"
	Systemd = "systemd"
)

const (
	unixPrefix    = "unix:"
	systemdPrefix = "systemd:"

	// maxPath is the longest path of a Unix socket that every system takes, in bytes.
	maxPath = 103
)

// Endpoint is a place to listen at.
type Endpoint struct {
	Network string // TCP, Unix or Systemd
	Text    string // HOST:PORT, the path of a Unix socket, or the name of a socket of systemd, "" for all
}

// Parse parses HOST:PORT, unix:/PATH, systemd or systemd:NAME. The error describes a valid
// one.
func Parse(text string) (Endpoint, error) {
	if file, found := strings.CutPrefix(text, unixPrefix); found {
		return Endpoint{Unix, file}, checkSocket(file)
	}
	if name, found := strings.CutPrefix(text+":", systemdPrefix); found {
		name = strings.TrimSuffix(name, ":")
		if strings.ContainsAny(name, ":/ ") {
			return Endpoint{}, errors.New("want systemd, or systemd:NAME with the FileDescriptorName= of a socket unit")
		}
		return Endpoint{Systemd, name}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || strings.ContainsAny(host, "/ ") || port == "" {
		return Endpoint{}, errors.New("want HOST:PORT, for example 127.0.0.1:3000, or :3000 for all interfaces; unix:/PATH; or systemd")
	}
	return Endpoint{TCP, text}, checkPort(port)
}

func checkSocket(file string) error {
	switch {
	case !path.IsAbs(file) || path.Clean(file) != file || file == "/" || strings.ContainsRune(file, 0):
		return errors.New("want the absolute path of a socket, for example unix:/run/pollux/pollux.sock")
	case len(file) > maxPath:
		return errors.New("the path of a socket has at most 103 bytes")
	}
	return nil
}

// checkPort checks the port of an address to listen at. Port 0 means any free port.
func checkPort(port string) error {
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(number, 10) != port {
		return errors.New("want a port from 1 to 65535, or 0 for one that is free")
	}
	return nil
}

// IsLocal reports whether only this machine can reach the address. It is not known of a
// socket of systemd, see package listen.
func (e Endpoint) IsLocal() bool {
	switch e.Network {
	case Unix:
		return true
	case TCP:
		host, port, err := net.SplitHostPort(e.Text)
		return err == nil && port != "" && IsLoopback(host)
	default:
		return false
	}
}

// IsLoopback reports whether a host, without a port, is localhost or a loopback address,
// which only this machine can reach.
func IsLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}

// Dial returns network and address for [net.Dialer.Dial] to reach a server that listens
// there, from the same machine. It reports false if that is not known: of port 0, and of
// sockets of systemd.
func (e Endpoint) Dial() (network, address string, known bool) {
	if e.Network != TCP {
		return e.Network, e.Text, e.Network == Unix
	}
	host, port, err := net.SplitHostPort(e.Text)
	if err != nil || port == "0" {
		return "", "", false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // listening everywhere includes here, and a container may have no resolver
	}
	return TCP, net.JoinHostPort(host, port), true
}

package listen

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/polluxhub/pollux/internal/endpoint"
)

// inherited are the sockets that systemd has passed to the process (sd_listen_fds(3)).
// Each is used once.
var inherited struct {
	mu     sync.Mutex
	asked  bool
	left   []*os.File
	places map[string][]endpoint.Endpoint // of all, by name
}

// askLocked takes the sockets from systemd, once.
func askLocked() {
	if inherited.asked {
		return
	}
	inherited.left, inherited.asked = activation.Files(true), true
	inherited.places = make(map[string][]endpoint.Endpoint)
	for _, file := range inherited.left {
		place := endpoint.Endpoint{Network: "unknown"} // nobody knows who reaches it
		if listener, err := net.FileListener(file); err == nil {
			place = endpoint.Endpoint{Network: listener.Addr().Network(), Text: listener.Addr().String()}
			_ = listener.Close() // it is a second descriptor
		}
		inherited.places[file.Name()] = append(inherited.places[file.Name()], place)
	}
}

// inheritedPlaces returns where the sockets with a name are, or all if it is empty.
func inheritedPlaces(name string) (places []endpoint.Endpoint) {
	inherited.mu.Lock()
	defer inherited.mu.Unlock()
	askLocked()
	for _, one := range slices.Sorted(maps.Keys(inherited.places)) {
		if name == "" || name == one {
			places = append(places, inherited.places[one]...)
		}
	}
	return places
}

// inherit returns the sockets with a name, or all that are left if it is empty.
func inherit(name string, control func(network, address string, conn syscall.RawConn) error) (listeners []net.Listener, err error) {
	inherited.mu.Lock()
	defer inherited.mu.Unlock()
	askLocked()
	var others []*os.File
	var names []string
	for _, file := range inherited.left {
		names = append(names, file.Name())
		if name != "" && file.Name() != name {
			others = append(others, file)
			continue
		}
		listener, err := listenerOf(file, control)
		if err != nil {
			for _, listener := range listeners {
				_ = listener.Close()
			}
			return nil, fmt.Errorf("the socket %s of systemd: %w", file.Name(), err)
		}
		listeners = append(listeners, listener)
	}
	inherited.left = others
	switch {
	case len(listeners) > 0:
		return listeners, nil
	case len(names) == 0:
		return nil, errors.New("systemd has passed no socket; want a socket unit for this service, or HOST:PORT")
	default:
		return nil, fmt.Errorf("systemd has passed no socket of that name; want one of %s", strings.Join(names, ", "))
	}
}

// listenerOf returns the listener of a descriptor, which it closes.
func listenerOf(file *os.File, control func(network, address string, conn syscall.RawConn) error) (net.Listener, error) {
	listener, err := net.FileListener(file)
	_ = file.Close() // the listener has its own
	if err != nil {
		return nil, fmt.Errorf("%w; want ListenStream=", err)
	}
	switch listener := listener.(type) {
	case *net.UnixListener:
		listener.SetUnlinkOnClose(false) // the file belongs to systemd
		return local{listener}, nil
	case *net.TCPListener:
		conn, err := listener.SyscallConn()
		if err == nil && control != nil {
			err = control(endpoint.TCP, listener.Addr().String(), conn)
		}
		if err != nil {
			return nil, errors.Join(err, listener.Close())
		}
		return listener, nil
	default:
		_ = listener.Close()
		return nil, errors.New("neither TCP nor a Unix socket")
	}
}

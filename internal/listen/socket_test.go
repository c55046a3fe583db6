package listen

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func openOne(t *testing.T, text string, mode fs.FileMode) net.Listener {
	t.Helper()
	listeners, err := Open(t.Context(), text, Options{Mode: mode})
	if err != nil || len(listeners) != 1 {
		t.Fatalf("%s: %v, %v", text, listeners, err)
	}
	t.Cleanup(func() { _ = listeners[0].Close() }) // it may be closed already
	return listeners[0]
}

// Clients of a Unix socket have an address of this machine, and who may connect is what
// the mode says.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	for given, want := range map[fs.FileMode]fs.FileMode{0: 0o660, 0o600: 0o600, 0o666: 0o666} {
		listener := openOne(t, "unix:"+path, given)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want || info.Mode().Type() != fs.ModeSocket {
			t.Errorf("mode %v: %v, %v", given, info.Mode(), err)
		}
		client, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.RemoteAddr().String(); got != "127.0.0.1:0" {
			t.Errorf("the client has the address %s", got)
		}
		if _, ok := conn.(syscall.Conn); !ok {
			t.Error("the connection has no descriptor any more")
		}
		_, _ = client.Close(), conn.Close()
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket stays: %v", err)
		}
	}
}

// A socket that was left behind is replaced. One at which somebody listens stays, and so
// does what is no socket.
func TestUnixSocketThatExists(t *testing.T) {
	folder := t.TempDir()
	stale := filepath.Join(folder, "stale")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	listener := openOne(t, "unix:"+stale, 0)
	if _, err := Open(t.Context(), "unix:"+stale, Options{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("two listen: %v", err)
	}
	accepted := make(chan error, 2)
	for range 2 { // the first one is Open, which has looked
		go func() {
			_, err := listener.Accept()
			accepted <- err
		}()
	}
	if _, err := net.Dial("unix", stale); err != nil {
		t.Errorf("the one who listens does not any more: %v", err)
	}
	for range 2 {
		if err := <-accepted; err != nil {
			t.Error(err)
		}
	}

	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(folder, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, folder, filepath.Join(folder, "none", "a.sock")} {
		if _, err := Open(t.Context(), "unix:"+path, Options{}); err == nil || !strings.Contains(err.Error(), "; want a path") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if text, err := os.ReadFile(file); string(text) != "precious" {
		t.Errorf("the file: %q, %v", text, err)
	}
}

func TestOpenErrors(t *testing.T) {
	taken := openOne(t, "127.0.0.1:0", 0)
	if _, err := Open(t.Context(), taken.Addr().String(), Options{}); err == nil || err.Error() != "bind: address already in use; want a free address, for example 127.0.0.1:0" {
		t.Errorf("%v", err)
	}
	if _, err := Open(t.Context(), "nowhere", Options{}); err == nil {
		t.Error("nowhere is no address")
	}
	if _, err := Open(t.Context(), "systemd", Options{}); err == nil || !strings.HasPrefix(err.Error(), "systemd has passed no socket;") {
		t.Errorf("%v", err)
	}
	over, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	if _, err := Open(over, "a-name-that-is-not.invalid:0", Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// The address for everything of IPv4 is not one of IPv6 as well.
func TestFamilies(t *testing.T) {
	for _, want := range []string{"0.0.0.0", "127.0.0.1"} {
		host, _, err := net.SplitHostPort(openOne(t, want+":0", 0).Addr().String())
		if err != nil || host != want {
			t.Errorf("%s, want %s", host, want)
		}
	}
}

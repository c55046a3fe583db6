package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// systemd passes sockets as descriptors from 3 upwards, with a name each
// (sd_listen_fds(3)). A socket is used where its name is, and stays open when pollux ends.
func TestSocketsOfSystemd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	var files []*os.File
	for _, listener := range []interface{ File() (*os.File, error) }{tcp, unix} {
		file, err := listener.File()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }() // it was only handed over
		files = append(files, file)
	}
	var log syncedBuffer
	// The shell knows the number of the process before it becomes pollux.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", testBinary, "--listen", "systemd:web", "--listen", "systemd:local", "--drain", "0s")
	cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=web:local")
	cmd.ExtraFiles, cmd.Stderr = files, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pollux listens", func() bool { return strings.Contains(log.String(), "msg=listening url=http://"+tcp.Addr().String()) })
	if status, body := request(t, http.MethodGet, "http://"+tcp.Addr().String()+"/livez"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if !strings.Contains(log.String(), `msg=listening url=unix:`+path) {
		t.Errorf("the log:\n%s", log.String())
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, the log:\n%s", err, log.String())
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the socket of systemd is gone: %v", err)
	}
}

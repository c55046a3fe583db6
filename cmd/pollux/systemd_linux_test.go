package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/capture"
)

// systemd passes sockets as descriptors from 3 upwards, with a name each
// (sd_listen_fds(3)). A socket is used where its name is, and stays open when pollux ends.
// Pollux says when it is ready, alive, reloading and stopping (sd_notify(3)).
func TestSystemd(t *testing.T) {
	t.Parallel()
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
	told := filepath.Join(t.TempDir(), "notify.sock")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: told, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = manager.Close() }()
	hears := func(want string) {
		t.Helper()
		message := make([]byte, 1000)
		for {
			if err := manager.SetReadDeadline(time.Now().Add(longEnough)); err != nil {
				t.Fatal(err)
			}
			n, err := manager.Read(message)
			if err != nil {
				t.Fatalf("systemd does not hear %s: %v", want, err)
			}
			switch text := string(message[:n]); {
			case strings.HasPrefix(text, want):
				return
			case text != "WATCHDOG=1":
				t.Fatalf("systemd hears %q, want %s", text, want)
			}
		}
	}
	var log capture.Output
	// The shell knows the number of the process before it becomes pollux.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"`, "sh", testBinary, "--listen", "systemd:web", "--listen", "systemd:local", "--drain", "0s")
	cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=web:local", "NOTIFY_SOCKET="+told, "WATCHDOG_USEC=300000")
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
	hears("READY=1")
	hears("WATCHDOG=1")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	hears("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, the log:\n%s", err, log.String())
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the socket of systemd is gone: %v", err)
	}
}

// Sockets of systemd that other machines can reach need what such addresses need, and others
// do not.
func TestSystemdSocketsThatAreOpen(t *testing.T) {
	listen := func(address string) *os.File {
		t.Helper()
		listener, err := net.Listen("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = file.Close(), listener.Close() })
		return file
	}
	files := []*os.File{listen("127.0.0.1:0"), listen("0.0.0.0:0")}
	for _, test := range []struct {
		flags []string
		says  string // "" if it starts
	}{
		{[]string{"--listen", "systemd:near"}, ""},
		{[]string{"--listen", "systemd:far"}, `--listen \(POLLUX_LISTEN\) is 0\.0\.0\.0:\d+, which other machines can reach`},
		{[]string{"--listen", "systemd"}, `--listen \(POLLUX_LISTEN\) is 0\.0\.0\.0:\d+, which other machines can reach`},
		{[]string{"--listen", "systemd:far", "--public"}, ""},
		{[]string{"--listen", "127.0.0.1:0", "--admin-listen", "systemd:near"}, ""},
		{[]string{"--listen", "127.0.0.1:0", "--admin-listen", "systemd:far"}, `--admin-listen \(POLLUX_ADMIN_LISTEN\) is systemd:far, which other machines can reach: want admin_token_file`},
	} {
		var log capture.Output
		cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$@"`, "sh", testBinary, "--drain", "0s"}, test.flags...)...)
		cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=near:far")
		cmd.ExtraFiles, cmd.Stderr = files, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if test.says == "" {
			eventually(t, "pollux listens", func() bool { return strings.Contains(log.String(), "msg=listening") })
			_ = cmd.Process.Signal(os.Interrupt)
		}
		err := cmd.Wait()
		if (err == nil) != (test.says == "") || !regexp.MustCompile(test.says).MatchString(log.String()) {
			t.Errorf("%v: %v, the log:\n%s", test.flags, err, log.String())
		}
	}
}

// systemd is told that the program stops, and once, however quickly it has stopped.
func TestSystemdHearsOfTheEnd(t *testing.T) {
	told := filepath.Join(t.TempDir(), "notify.sock")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: told, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = manager.Close() }()
	t.Setenv("NOTIFY_SOCKET", told)
	p := &program{log: slog.New(slog.DiscardHandler)}
	over, stop := context.WithCancel(t.Context())
	stop()
	for range 20 { // of two channels that are ready select takes any
		p.attend(over, over)
		p.attend(over, t.Context()) // a part has failed
		for range 2 {
			for _, want := range []string{"READY=1", "STOPPING=1"} {
				message := make([]byte, 100)
				if err := manager.SetReadDeadline(time.Now().Add(longEnough)); err != nil {
					t.Fatal(err)
				}
				n, err := manager.Read(message)
				if err != nil || string(message[:n]) != want {
					t.Fatalf("systemd hears %q, want %s: %v", message[:n], want, err)
				}
			}
		}
	}
}

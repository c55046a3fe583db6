package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ignores reports whether the process ignores a signal.
func (p *process) ignores(t *testing.T, signal syscall.Signal) bool {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, mask, _ := strings.Cut(string(status), "\nSigIgn:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	bits, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bits&(1<<(signal-1)) != 0
}

// A SIGHUP that comes while a thousand streams are being made does not end the
// process. It is served when the process runs.
func TestHangupDuringStart(t *testing.T) {
	t.Parallel()
	var config strings.Builder
	config.WriteString("streams:\n")
	for i := range 1000 {
		fmt.Fprintf(&config, "- {name: s%d, url: 'http://127.0.0.1:9/', every: 60s, poll: on-demand, select: '.a%d | map({id})'}\n", i, i)
	}
	r, w := pipe(t)
	p := launch(t, w, config.String())
	eventually(t, "signals are caught", func() bool { return p.ignores(t, syscall.SIGPIPE) }) // the last of them
	p.signal(t, syscall.SIGHUP)
	_ = w.Close()
	lines := newLogLines(t, r)
	lines.expect(t, "msg=listening")
	lines.expect(t, `msg="configuration reloaded" added=[] changed=[] removed=[] kept=1000`)
	p.stop(t)
}

// Without a file SIGHUP is told, and nothing else.
func TestHangupWithoutFile(t *testing.T) {
	t.Parallel()
	r, w := pipe(t)
	p := &process{ended: make(chan struct{}), cmd: exec.Command(testBinary, "--listen", "127.0.0.1:0", "--drain", "0s")}
	p.start(t, w)
	_ = w.Close()
	lines := newLogLines(t, r)
	_, url, _ := strings.Cut(lines.expect(t, "msg=listening"), "url=")
	url, _, _ = strings.Cut(url, " ")
	for range 2 {
		p.signal(t, syscall.SIGHUP)
		lines.expect(t, "SIGHUP ignored")
	}
	if answer := fetch(url + "/readyz"); !strings.HasPrefix(answer, "200 ") {
		t.Errorf("after SIGHUP: %s", answer)
	}
	p.stop(t)
}

// Commands that answer on standard output fail with an error where it takes nothing:
// a disk that is full, a pipe that nobody reads.
func TestStandardOutputFails(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = full.Close() })
	closed, broken := pipe(t)
	_ = closed.Close()
	file := t.TempDir() + "/pollux.yaml"
	if err := os.WriteFile(file, []byte("streams: [{name: a, push: true}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"version"}, {"check", file}, {"--help"}, {"serve", "--help"}} {
		for want, stdout := range map[string]*os.File{"no space left on device": full, "broken pipe": broken} {
			cmd := exec.Command(testBinary, args...)
			var stderr strings.Builder
			cmd.Stdout, cmd.Stderr = stdout, &stderr
			_ = cmd.Run() // the status is looked at
			if status := cmd.ProcessState.ExitCode(); status != exitFailure || !strings.HasPrefix(stderr.String(), "pollux: ") || !strings.Contains(stderr.String(), want) {
				t.Errorf("%v, %s: status %d: %s", args, want, status, stderr.String())
			}
		}
	}
}

// A command that answers ends at the first signal where nobody takes its answer.
func TestStandardOutputBlocks(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/pollux.yaml"
	if err := os.WriteFile(file, []byte("streams: [{name: a, push: true}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"version"}, {"check", file}, {"--help"}, {"serve", "--help"}} {
		_, w := pipe(t)
		fill(t, w)
		r, stderr := pipe(t)
		p := &process{ended: make(chan struct{}), cmd: exec.Command(testBinary, args...)}
		p.cmd.Stdout = w
		p.start(t, stderr)
		_ = stderr.Close()
		eventually(t, "signals are caught", func() bool { return p.ignores(t, syscall.SIGPIPE) })
		p.signal(t, syscall.SIGTERM)
		newLogLines(t, r).expect(t, "pollux: told to end before the answer was taken")
		select {
		case <-p.ended:
			if status := p.cmd.ProcessState.ExitCode(); status != exitFailure {
				t.Errorf("%v: status %d", args, status)
			}
		case <-time.After(longEnough):
			t.Errorf("%v does not end", args)
		}
	}
}

// A process that was stopped (a machine that slept) for longer than its drain takes
// gives its streams their end when it goes on.
func TestStoppedWhileItDrains(t *testing.T) {
	t.Parallel()
	r, w := pipe(t)
	p, url := startQuiet(t, w, "streams: [{name: pushed, push: true}]\n", "--drain", "2s")
	_ = w.Close()
	lines := newLogLines(t, r)
	readers := make([]*reader, 50)
	for i := range readers {
		readers[i] = startReader(t, url+"/api/sse?stream=pushed")
	}
	eventually(t, "all are there", func() bool { return strings.Contains(getOK(t, url+"/metrics"), "\npollux_clients 50\n") })
	p.signal(t, syscall.SIGTERM)
	lines.expect(t, "shutting down")
	p.signal(t, syscall.SIGSTOP)
	time.Sleep(4 * time.Second) // of the clock that the process is behind then
	p.signal(t, syscall.SIGCONT)
	for _, reader := range readers {
		eventually(t, "a stream has ended", func() bool { _, err := reader.all(); return err != nil })
		reader.expectEnd(t)
		if line := lines.expect(t, `"stream closed"`); !strings.Contains(line, " reason=drain ") {
			t.Error(line)
		}
	}
	<-p.ended
	if p.err != nil {
		t.Error(p.err)
	}
}

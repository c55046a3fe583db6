package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// launch starts a process with a configuration and standard error, and does not wait
// for anything.
func launch(t *testing.T, stderr *os.File, config string, flags ...string) *process {
	t.Helper()
	p := &process{file: filepath.Join(t.TempDir(), "pollux.yaml"), ended: make(chan struct{})}
	p.configure(t, "listen: 127.0.0.1:0\ndrain: 50ms\n"+config)
	p.cmd = exec.Command(testBinary, append([]string{"--config", p.file}, flags...)...)
	p.start(t, stderr)
	return p
}

// start starts the command, which ends with the test at the latest.
func (p *process) start(t *testing.T, stderr *os.File) {
	t.Helper()
	p.cmd.Stderr = stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
	})
}

// startQuiet starts a process that cannot say where it listens: at the address that is
// returned, as a URL.
func startQuiet(t *testing.T, stderr *os.File, config string, flags ...string) (p *process, url string) {
	t.Helper()
	address := listentest.FreeAddress(t)
	p, url = launch(t, stderr, config, append(flags, "--listen", address)...), "http://"+address
	eventually(t, "pollux is ready", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("pollux ended: %v", p.err)
		default:
		}
		return strings.HasPrefix(fetch(url+"/readyz"), "200 ")
	})
	return p, url
}

// logLines are the lines of a log that is a pipe.
type logLines chan string

func newLogLines(t *testing.T, r io.Reader) logLines {
	t.Helper()
	l := make(logLines, 1000)
	go func() {
		defer close(l)
		for scanner := bufio.NewScanner(r); scanner.Scan(); {
			l <- scanner.Text()
		}
	}()
	return l
}

// expect waits for a line that contains a text, and returns it.
func (l logLines) expect(t *testing.T, text string) string {
	t.Helper()
	patience := time.After(longEnough)
	for {
		select {
		case line, more := <-l:
			if strings.Contains(line, text) {
				return line
			}
			if !more {
				t.Fatalf("the log ended without %s", text)
			}
		case <-patience:
			t.Fatalf("no %s in the log within %v", text, longEnough)
		}
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

// fill writes to a pipe as much as it takes.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	for size := 1 << 16; size > 0; { // until it takes not even a byte
		if err := w.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, size)); errors.Is(err, os.ErrDeadlineExceeded) {
			size /= 16
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func publish(t *testing.T, url, stream, token, document string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/streams/"+stream+"/events", strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := (&http.Client{Timeout: longEnough}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("publishing: %s", resp.Status)
	}
}

// A standard error that nobody reads costs nobody anything but the log: events flow
// while others come and go, a stream whose polls fail is polled on, and SIGTERM ends
// the process in order.
func TestBlockedStandardError(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	var asked atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprintf(w, `{"n":%d}`, n)
	}))
	t.Cleanup(api.Close)
	_, w := pipe(t)
	fill(t, w)
	p, url := startQuiet(t, w, "publish_token: "+secret+"\nlog_level: debug\nstreams:\n"+
		"- {name: pushed, push: true}\n- {name: polled, url: '"+api.URL+"', every: 200ms}\n")
	stays := startReader(t, url+"/api/sse?stream=pushed")
	for i := range 5 { // each end has its line
		startReader(t, url+"/api/sse?stream=polled&limit=1")
		publish(t, url, "pushed", secret, fmt.Sprint(i))
		stays.expect(t, fmt.Sprint(i))
	}
	eventually(t, "the polled stream is live", func() bool { return streamStates(t, url)["polled"].State == "live" })
	broken.Store(true)
	eventually(t, "two polls fail", func() bool { return streamStates(t, url)["polled"].Failures >= 2 })
	broken.Store(false)
	before := asked.Load()
	eventually(t, "polls go on", func() bool { return asked.Load() > before+2 })
	getOK(t, url+"/healthz")
	p.stop(t)
	eventually(t, "the stream has ended", func() bool { _, err := stays.all(); return err != nil })
	stays.expectEnd(t)
}

// A standard error whose reader goes away costs the lines that it does not get, and
// not the process. What is missing is counted.
func TestClosedStandardError(t *testing.T) {
	t.Parallel()
	r, w := pipe(t)
	p, url := startQuiet(t, w, "publish_token: "+secret+"\nstreams: [{name: pushed, push: true}]\n")
	stays := startReader(t, url+"/api/sse?stream=pushed")
	publish(t, url, "pushed", secret, "1")
	_, _ = r.Close(), w.Close()
	startReader(t, url+"/api/sse?stream=pushed&limit=1")
	startReader(t, url+"/api/sse?stream=pushed&limit=1")
	eventually(t, "two lines are missing", func() bool { return strings.Contains(getOK(t, url+"/metrics"), "\npollux_log_dropped_total 2\n") })
	publish(t, url, "pushed", secret, "2")
	stays.expect(t, "1", "2")
	p.stop(t)
	eventually(t, "the stream has ended", func() bool { _, err := stays.all(); return err != nil })
	stays.expectEnd(t)
}

// The exit status tells what was wrong, also where nobody takes the words.
func TestLastWord(t *testing.T) {
	t.Parallel()
	_, w := pipe(t)
	fill(t, w)
	p := &process{ended: make(chan struct{}), cmd: exec.Command(testBinary, "--every", "0s")}
	p.start(t, w)
	select {
	case <-p.ended:
		if status := p.cmd.ProcessState.ExitCode(); status != exitUsage {
			t.Errorf("status %d, want %d", status, exitUsage)
		}
	case <-time.After(longEnough):
		t.Error("it waits for who reads standard error")
	}
}

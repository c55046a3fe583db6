package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/capture"
)

// longEnough bounds how long a test waits for what has to come. It is no measure
// of speed.
const longEnough = time.Minute

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for begin := time.Now(); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > longEnough {
			t.Fatalf("%s: not within %v", what, longEnough)
		}
	}
}

// process is pollux in a process of its own, with a configuration file.
type process struct {
	file       string // the configuration
	url, admin string
	log        capture.Output
	cmd        *exec.Cmd
	ended      chan struct{}
	err        error // of the command, once it has ended
}

// testBinary is this test as the command pollux, see TestMain: with the race
// detector, if the test has it.
const testBinary = "pollux"

// builtBinary is the command as it is built for everybody.
func builtBinary(t *testing.T) string {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// configuration is a file with these streams, see entry.
func configuration(streams ...string) string {
	return "listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\ndrain: 50ms\nlog_format: json\nstreams:\n" +
		strings.Join(streams, "")
}

// entry is a stream of a configuration. Each setting is a line of YAML.
func entry(name, url string, settings ...string) string {
	return fmt.Sprintf("  - name: %s\n    url: %s\n    %s\n", name, url, strings.Join(settings, "\n    "))
}

// startProcess starts a process that ends with the test at the latest.
func startProcess(t *testing.T, binary, config string) *process {
	t.Helper()
	p := &process{file: filepath.Join(t.TempDir(), "pollux.yaml"), ended: make(chan struct{})}
	p.configure(t, config)
	p.cmd = exec.Command(binary, "--config", p.file)
	p.cmd.Stderr = &p.log
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
		if t.Failed() {
			t.Logf("the log of pollux ended with:\n%s", tail(p.log.String(), 20))
		}
	})
	eventually(t, "pollux listens", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("pollux ended: %v\n%s", p.err, p.log.String())
		default:
		}
		p.url, p.admin = p.logged("listening", "url"), p.logged("admin listening", "url")
		return p.url != "" && p.admin != ""
	})
	return p
}

// configure writes the configuration, which takes effect with a reload.
func (p *process) configure(t *testing.T, config string) {
	t.Helper()
	if err := os.WriteFile(p.file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *process) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// pause stops the process until it gets SIGCONT. All of its threads stand still when pause returns:
// on a busy machine some go on for a while after kill(2) has returned.
func (p *process) pause(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGSTOP)
	var status syscall.WaitStatus
	eventually(t, "the process is stopped", func() bool {
		_, err := syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		if err != nil {
			t.Fatal(err)
		}
		return status.Stopped()
	})
}

// stop ends the process as an operator would.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	select {
	case <-p.ended:
		if p.err != nil {
			t.Errorf("pollux ended with %v", p.err)
		}
	case <-time.After(longEnough):
		t.Errorf("pollux does not end at SIGTERM")
	}
}

// logged returns an attribute of the newest log line with a message, or "" if no line has
// it.
func (p *process) logged(message, attribute string) string {
	value := ""
	for line := range strings.Lines(p.log.String()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == message {
			value = fmt.Sprint(fields[attribute])
		}
	}
	return value
}

// request returns the status and the body of an answer.
func request(t *testing.T, method, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Timeout: longEnough, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func getOK(t *testing.T, url string) string {
	t.Helper()
	status, body := request(t, http.MethodGet, url)
	if status != http.StatusOK {
		t.Fatalf("GET %s: status %d: %.300s", url, status, body)
	}
	return body
}

// streamState is an entry of /api/streams.
type streamState struct {
	Name     string     `json:"name"`
	State    string     `json:"state"`
	Clients  int        `json:"clients"`
	Events   int        `json:"events"`
	Requests int        `json:"requests"`
	Failures int        `json:"failures"`
	Error    string     `json:"error"` // "" for null
	NextPoll *time.Time `json:"nextPoll"`
	Idle     bool       `json:"idle"`
}

// streamStates returns what /api/streams tells, by name.
func streamStates(t *testing.T, url string) map[string]streamState {
	t.Helper()
	var list struct {
		Streams []streamState `json:"streams"`
	}
	if err := json.Unmarshal([]byte(getOK(t, url+"/api/streams")), &list); err != nil {
		t.Fatal(err)
	}
	states := make(map[string]streamState)
	for _, s := range list.Streams {
		states[s.Name] = s
	}
	return states
}

// counters are the counters of streams: by stream, then by the name of the metric
// without pollux_ and _total, followed by the result if it has one, as in
// "retries" and "poll_requests ok".
type counters map[string]map[string]int

var counterLine = regexp.MustCompile(`(?m)^pollux_(\w+)_total\{(?:result="(\w+)",)?stream="([^"]+)"\} ([0-9.e+]+)$`)

func countersOf(t *testing.T, admin string) counters {
	t.Helper()
	all := make(counters)
	for _, m := range counterLine.FindAllStringSubmatch(getOK(t, admin+"/metrics"), -1) {
		name, result, stream := m[1], m[2], m[3]
		value, err := strconv.ParseFloat(m[4], 64)
		if err != nil {
			t.Fatal(err)
		}
		if all[stream] == nil {
			all[stream] = make(map[string]int)
		}
		all[stream][strings.TrimSpace(name+" "+result)] = int(value)
	}
	return all
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

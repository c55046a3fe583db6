package proc

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const rollup = `55d0a5d00000-7ffd5d1f2000 ---p 00000000 00:00 0                          [rollup]
Rss:               10452 kB
Pss:                8126 kB
Pss_Dirty:          5000 kB
Shared_Clean:       2400 kB
`

func TestReadFields(t *testing.T) {
	for _, row := range []struct {
		text string
		want map[string]int64 // nil: refused
	}{
		{rollup, map[string]int64{"Rss": 10452 << 10, "Pss": 8126 << 10}},
		{"Pss:\t7\nRss: 0\n", map[string]int64{"Rss": 0, "Pss": 7}},
		{"", nil},
		{"Rss: 1 kB\n", nil},
		{"Rss: 1 MB\nPss: 1 kB\n", nil},
		{"Rss: x kB\nPss: 1 kB\n", nil},
		{"Rss: x\nPss: 1\n", nil},
	} {
		got, err := readFields(strings.NewReader(row.text), "rollup", []string{"Pss", "Rss"})
		if !maps.Equal(got, row.want) || (row.want == nil) != errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v, %v, want %v", row.text, got, err, row.want)
		}
	}
}

func TestParseSockets(t *testing.T) {
	const text = "sockets: used 106\nTCP: inuse 12 orphan 3 tw 45 alloc 20 mem 7\nUDP: inuse 0 mem 0\n"
	s, err := parseSockets(strings.NewReader(text), 4096)
	if want := (Sockets{TCP: 12, Orphans: 3, Bytes: 7 * 4096}); err != nil || s != want {
		t.Errorf("%+v, %v, want %+v", s, err, want)
	}
	for _, broken := range []string{"", "UDP: inuse 1\n", "TCP: inuse x\n"} {
		if _, err := parseSockets(strings.NewReader(broken), 4096); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", broken, err)
		}
	}
}

// This process can be read, and what it does shows.
func TestSelf(t *testing.T) {
	self := Group{os.Getpid()}
	before, err := self.CPU()
	if err != nil {
		t.Fatal(err)
	}
	spun := 0
	for start := time.Now(); time.Since(start) < 20*time.Millisecond; {
		spun++
	}
	after, err := self.CPU()
	if err != nil || after <= before {
		t.Errorf("CPU went from %v to %v in %d turns, %v", before, after, spun, err)
	}
	if m, err := self.Memory(); err != nil || m.Pss <= 0 || m.RSS < m.Pss {
		t.Errorf("%+v, %v", m, err)
	}
	if n, err := self.Threads(); err != nil || n < 1 {
		t.Errorf("%d threads, %v", n, err)
	}
	few, err := self.Descriptors()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if more, err := self.Descriptors(); err != nil || more != few+2 {
		t.Errorf("%d descriptors, then %d, %v", few, more, err)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	if s, err := ReadSockets(); err != nil || s.Slab <= 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if m := ReadMachine(); m.Cores < 1 || m.Kernel == "" || m.MemoryBytes <= 0 {
		t.Errorf("%+v", m)
	}
}

// What this process writes is counted.
func TestWritten(t *testing.T) {
	self := Group{os.Getpid()}
	before, err := self.Written()
	if err != nil {
		t.Fatal(err)
	}
	const bytes = 100_000
	if err := os.WriteFile(filepath.Join(t.TempDir(), "x"), make([]byte, bytes), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := self.Written()
	if err != nil || after.Bytes-before.Bytes < bytes || after.Bytes-before.Bytes > 2*bytes || after.Calls <= before.Calls {
		t.Errorf("%+v, then %+v, %v", before, after, err)
	}
}

// A process stays on its core, with its children, and ends when asked.
func TestStartOn(t *testing.T) {
	cores, err := Cores()
	if err != nil {
		t.Fatal(err)
	}
	last := cores[len(cores)-1]
	// Its only child is the one that sleeps.
	const script = "while read -r name value; do [ \"$name\" != Cpus_allowed_list: ] || echo \"$value\"; done </proc/self/status; sleep 60 & wait"
	cmd := exec.Command("sh", "-c", script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := StartOn(last, cmd); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil || string(line[:n]) != strconv.Itoa(last)+"\n" {
		t.Errorf("%q, %v, want core %d", line[:n], err, last)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		family, err := Family(cmd.Process.Pid)
		if err == nil && len(family) == 2 {
			defer func() {
				if err := syscall.Kill(family[1], syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("family %v, %v", family, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := Stop(cmd); err != nil {
		t.Error(err)
	}
	if again, err := Cores(); err != nil || len(again) != len(cores) {
		t.Errorf("this process has the cores %v afterwards, before: %v", again, cores)
	}
}

func TestStartIdleOn(t *testing.T) {
	cores, err := Cores()
	if err != nil {
		t.Fatal(err)
	}
	last := cores[len(cores)-1]
	runtime.LockOSThread() // that has the policy of this test
	defer runtime.UnlockOSThread()
	usual, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "60")
	if err := StartIdleOn(last, cmd); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := Stop(cmd); err != nil {
			t.Error(err)
		}
	}()
	child, err := unix.SchedGetAttr(cmd.Process.Pid, 0)
	if err != nil || child.Policy != unix.SCHED_IDLE {
		t.Errorf("the child: %+v, %v", child, err)
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(cmd.Process.Pid, &set); err != nil || set.Count() != 1 || !set.IsSet(last) {
		t.Errorf("the child: cores %v, %v, want %d", set, err, last)
	}
	own, err := unix.SchedGetAttr(0, 0)
	if err != nil || *own != *usual {
		t.Errorf("this thread: %+v, %v, want %+v", own, err, usual)
	}
	if after, err := Cores(); err != nil || len(after) != len(cores) {
		t.Errorf("this thread: cores %v, %v, want %v", after, err, cores)
	}
}

package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Group is the processes of one server: the one that was started, and its
// children, such as the workers of nginx. What is read of a group is the sum.
type Group []int

// Family returns the process and all its descendants.
func Family(pid int) (Group, error) {
	group := Group{pid}
	for i := 0; i < len(group); i++ {
		lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", group[i]))
		if err != nil {
			return nil, err
		}
		for _, list := range lists {
			text, err := os.ReadFile(list) //nolint:gosec // a file of /proc
			if err != nil {
				return nil, err
			}
			for field := range strings.FieldsSeq(string(text)) {
				child, err := strconv.Atoi(field)
				if err != nil {
					return nil, fmt.Errorf("%w: children: %w", ErrFormat, err)
				}
				group = append(group, child)
			}
		}
	}
	return group, nil
}

// CPU returns the processor time that the group has used, in user mode and in
// the kernel, of threads that have ended too. It is exact to the nanosecond,
// where /proc/PID/stat counts in hundredths of a second.
func (g Group) CPU() (sum time.Duration, err error) {
	for _, pid := range g {
		// The clock of a process: clock_getcpuclockid(3) makes its number so.
		const cpuclockSched = 2
		var ts unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|cpuclockSched), &ts); err != nil {
			return sum, fmt.Errorf("proc: CPU clock of process %d: %w", pid, err)
		}
		sum += time.Duration(ts.Nano())
	}
	return sum, nil
}

// Descriptors returns how many files and sockets the group has open.
func (g Group) Descriptors() (sum int, err error) {
	for _, pid := range g {
		n, err := descriptors(pid)
		if err != nil {
			return sum, err
		}
		sum += n
	}
	return sum, nil
}

func descriptors(pid int) (int, error) {
	name := fmt.Sprintf("/proc/%d/fd", pid)
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	// Since Linux 6.2 the size of the directory is the answer.
	if n := info.Size(); n > 0 {
		return int(n), nil
	}
	entries, err := os.ReadDir(name)
	return len(entries), err
}

// Threads returns how many threads the group has.
func (g Group) Threads() (int, error) {
	var sum int64
	err := g.add("status", map[string]*int64{"Threads": &sum})
	return int(sum), err
}

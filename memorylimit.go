package pollux

import (
	"math"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/polluxhub/pollux/hub"
)

// mostHistory is what the history of all streams together may take unless it is
// configured, however much memory there is.
const mostHistory = hub.DefaultTotalHistoryBytes

// defaultHistoryTotal returns how large the history of all streams together may be
// unless it is configured.
func defaultHistoryTotal() int {
	return historyTotal(cgroupLimit(readText), debug.SetMemoryLimit(-1)) // which is GOMEMLIMIT, and stays as it is
}

// softLimit returns the limit that the collector keeps to, as GOMEMLIMIT sets it: what
// leaves a fifth of what the control group allows for everything else, or 0 where there
// is no such limit, or somebody has set another.
func softLimit(cgroup int64, getenv func(string) string) int64 {
	if cgroup <= 0 || getenv("GOMEMLIMIT") != "" {
		return 0
	}
	return max(cgroup/5*4, 1)
}

// limitMemory has the collector work more where memory is short, and not take its time
// until the kernel kills the process: what is garbage counts for the control group as
// well. It returns what puts the old limit back.
func (p *Pollux) limitMemory() (restore func()) {
	limit := softLimit(cgroupLimit(readText), os.Getenv)
	if limit <= 0 {
		return func() {}
	}
	old := debug.SetMemoryLimit(limit)
	p.log.Info("memory", "limit", limit)
	return func() { debug.SetMemoryLimit(old) }
}

// historyTotal returns a quarter of the smallest limit of memory, and mostHistory at
// most, in bytes. 0 or less means no limit.
func historyTotal(limits ...int64) int {
	total := int64(mostHistory)
	for _, limit := range limits {
		if limit > 0 {
			total = min(total, max(limit/4, 1))
		}
	}
	return int(total)
}

// cgroupLimit returns the memory that the control groups of the process allow it, in
// bytes, or 0 where nothing says so. read returns what is in a file. Each group is
// within its parent, so the smallest limit on the way to the root counts. In a
// container the path is often that of the host, where only the root is to be seen.
func cgroupLimit(read func(file string) (string, error)) int64 {
	groups, err := read("/proc/self/cgroup")
	if err != nil {
		return 0 // no Linux, or no control groups
	}
	least := int64(math.MaxInt64)
	for line := range strings.Lines(groups) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(line, ":")
		var roots []string
		file := "memory.max" // of version 2, whose entry names no controllers
		switch {
		case controllers == "":
			roots = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			roots, file = []string{"/sys/fs/cgroup/memory"}, "memory.limit_in_bytes"
		}
		for _, root := range roots {
			for group := path.Clean("/" + group); ; group = path.Dir(group) {
				if limit := readLimit(read, path.Join(root, group, file)); limit > 0 {
					least = min(least, limit)
				}
				if group == "/" {
					break
				}
			}
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// unlimited is what version 1 says where there is no limit, or somewhat more.
const unlimited = 1 << 62

// readLimit returns 0 where the file says "max", or is not there.
func readLimit(read func(file string) (string, error), file string) int64 {
	text, err := read(file)
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || limit >= unlimited {
		return 0
	}
	return limit
}

func readText(file string) (string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // names that this file makes
	return string(text), err
}

package machine

import (
	"log/slog"
	"math"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// What the history of all streams, and what clients that read slowly hold, may take
// unless that is configured: a part of the memory that there is, and no more than these
// bytes.
const (
	mostHistory = hub.DefaultTotalHistoryBytes
	historyPart = 4
	mostHeld    = fanout.DefaultHeldBytes
	heldPart    = 8
)

// MemoryLimits returns the limits of the control group and of the collector, which is
// GOMEMLIMIT. 0 or less means no limit.
func MemoryLimits() []int64 {
	return []int64{cgroupLimit(readText), debug.SetMemoryLimit(-1)} // -1 changes nothing
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

// LimitMemory has the collector work more where memory is short, and not take its time
// until the kernel kills the process: what is garbage counts for the control group as
// well. It returns what puts the old limit back.
func LimitMemory(log *slog.Logger) (restore func()) {
	limit := softLimit(cgroupLimit(readText), os.Getenv)
	if limit <= 0 {
		return func() {}
	}
	old := debug.SetMemoryLimit(limit)
	log.Info("memory", "limit", limit)
	return func() { debug.SetMemoryLimit(old) }
}

// HistoryTotal returns how much history all streams together may keep, in bytes.
func HistoryTotal(limits ...int64) int { return partOf(limits, historyPart, mostHistory) }

// HeldTotal returns how much clients that read slowly may hold together, in bytes.
func HeldTotal(limits ...int64) int { return partOf(limits, heldPart, mostHeld) }

// partOf returns a part of the smallest limit, and most if that is less.
func partOf(limits []int64, part, most int64) int {
	total := most
	for _, limit := range limits {
		if limit > 0 {
			total = min(total, max(limit/part, 1))
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

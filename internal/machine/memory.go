package machine

import (
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

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
	cgroup, _ := cgroupLimit(memlimit.FromCgroup)    // LimitMemory tells of the error
	return []int64{cgroup, debug.SetMemoryLimit(-1)} // -1 changes nothing
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
	cgroup, err := cgroupLimit(memlimit.FromCgroup)
	if err != nil {
		log.Warn("the memory limit of the control group cannot be read", "error", err)
	}
	limit := softLimit(cgroup, os.Getenv)
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
// bytes, or 0 where nothing limits it. Each group is within its parent, so the smallest
// limit on the way to the root counts.
func cgroupLimit(provider memlimit.Provider) (int64, error) {
	limit, err := provider()
	for _, none := range []error{memlimit.ErrNoLimit, memlimit.ErrNoCgroup, memlimit.ErrCgroupsNotSupported, fs.ErrNotExist} {
		if errors.Is(err, none) {
			return 0, nil
		}
	}
	return int64(min(limit, math.MaxInt64)), err
}

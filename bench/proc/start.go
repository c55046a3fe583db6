package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Cores returns the numbers of the cores that this process may use.
func Cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("proc: affinity: %w", err)
	}
	var cores []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			cores = append(cores, i)
		}
	}
	return cores, nil
}

// StartOn starts cmd on the given core, where all its threads and children will
// stay. The process is told to end when its parent does.
func StartOn(core int, cmd *exec.Cmd) error {
	return start(core, unix.SCHED_NORMAL, cmd)
}

// StartIdleOn is StartOn for a process that gets only the time of the core that
// nobody else wants there (SCHED_IDLE of sched(7)).
func StartIdleOn(core int, cmd *exec.Cmd) error {
	return start(core, unix.SCHED_IDLE, cmd)
}

// start relies on that a child inherits affinity and policy from the thread that
// makes it, so this thread takes both for a moment.
func start(core int, policy uint32, cmd *exec.Cmd) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("proc: affinity: %w", err)
	}
	if err := stay(0, core); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.SchedSetaffinity(0, &before)) }()
	usual, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return fmt.Errorf("proc: scheduling policy: %w", err)
	}
	if policy != usual.Policy {
		if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policy}, 0); err != nil {
			return fmt.Errorf("proc: scheduling policy: %w", err)
		}
		defer func() { err = errors.Join(err, unix.SchedSetAttr(0, usual, 0)) }()
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return cmd.Start()
}

// StayOn moves the threads of this process to the given core. Threads that are
// made later inherit that.
func StayOn(core int) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("proc: threads: %w", err)
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return fmt.Errorf("proc: threads: %w", err)
		}
		if err := stay(id, core); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended meanwhile
			return err
		}
	}
	return nil
}

func stay(thread, core int) error {
	var only unix.CPUSet
	only.Set(core)
	if err := unix.SchedSetaffinity(thread, &only); err != nil {
		return fmt.Errorf("proc: affinity: %w", err)
	}
	return nil
}

// Stop asks a process that StartOn has started to end, and makes it after five
// seconds. It knows the process's family, so that no worker is left behind.
func Stop(cmd *exec.Cmd) error {
	const patience = 5 * time.Second
	family, err := Family(cmd.Process.Pid)
	if err != nil {
		family = Group{cmd.Process.Pid} // it has ended by itself
	}
	asked := cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(asked, os.ErrProcessDone) {
		asked = nil
	}
	killer := time.AfterFunc(patience, func() {
		for _, pid := range family {
			// A process that is gone already is as it should be.
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	defer killer.Stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return errors.Join(asked, err)
	}
	return asked
}

// RaiseLimit lets this process and its children open as many descriptors as the
// system allows, at most want, and returns how many that are.
func RaiseLimit(want uint64) (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("proc: descriptor limit: %w", err)
	}
	if limit.Cur >= want {
		return limit.Cur, nil
	}
	// Only an administrator may go beyond the hard limit, and not everywhere.
	raised := unix.Rlimit{Cur: want, Max: max(want, limit.Max)}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
		return want, nil
	}
	limit.Cur = min(want, limit.Max)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("proc: descriptor limit: %w", err)
	}
	return limit.Cur, nil
}

package proc

import (
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine describes what the figures were measured on.
type Machine struct {
	CPU         string
	Cores       int
	MemoryBytes int64
	Kernel      string
	System      string
	Descriptors uint64 // that a process may open
}

// ReadMachine describes this machine. What cannot be found out stays empty.
func ReadMachine() Machine {
	m := Machine{Cores: runtime.NumCPU()}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = field(text, "model name", ":")
	}
	if text, err := os.ReadFile("/etc/os-release"); err == nil {
		m.System = strings.Trim(field(text, "PRETTY_NAME", "="), `"`)
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.MemoryBytes = int64(info.Totalram) * int64(info.Unit)
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		m.Descriptors = limit.Max
	}
	return m
}

// field returns the value of the first line that begins with name.
func field(text []byte, name, separator string) string {
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, separator)
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

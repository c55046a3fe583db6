package machine

import (
	"io/fs"
	"math"
	"testing"
)

// What all history together may take: a quarter of what the process may use, and
// 256 MiB at most.
func TestHistoryTotal(t *testing.T) {
	for _, test := range []struct {
		limits []int64
		want   int
	}{
		{nil, 256 << 20},
		{[]int64{0, math.MaxInt64}, 256 << 20},
		{[]int64{-1}, 256 << 20},
		{[]int64{1}, 1},
		{[]int64{128 << 20}, 32 << 20},
		{[]int64{1 << 30}, 256 << 20},
		{[]int64{1<<30 - 4, math.MaxInt64}, 256<<20 - 1},
		{[]int64{1 << 40}, 256 << 20},
		{[]int64{512 << 20, 64 << 20}, 16 << 20},
		{[]int64{0, 64 << 20}, 16 << 20},
	} {
		if got := HistoryTotal(test.limits...); got != test.want {
			t.Errorf("%v: %d, want %d", test.limits, got, test.want)
		}
	}
}

// What clients that read slowly may hold together: an eighth, and 128 MiB at most.
func TestHeldTotal(t *testing.T) {
	for _, test := range []struct {
		limits []int64
		want   int
	}{
		{nil, 128 << 20},
		{[]int64{0, -1, math.MaxInt64}, 128 << 20},
		{[]int64{1}, 1},
		{[]int64{1<<30 - 8}, 128<<20 - 1},
		{[]int64{1 << 40}, 128 << 20},
		{[]int64{512 << 20, 256 << 20}, 32 << 20},
	} {
		if got := HeldTotal(test.limits...); got != test.want {
			t.Errorf("%v: %d, want %d", test.limits, got, test.want)
		}
	}
}

// The limits of control groups, of both versions, as Linux and containers show them.
func TestCgroupLimit(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"no control groups", nil, 0},
		{"version 2, no limit", map[string]string{"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "max\n"}, 0},
		{"version 2, in a container", map[string]string{"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "134217728\n"}, 128 << 20},
		{"version 2, the path is outside", map[string]string{"/proc/self/cgroup": "0::/../../a/b\n", "/sys/fs/cgroup/memory.max": "1000\n"}, 1000},
		{"version 2, the smallest on the way up", map[string]string{
			"/proc/self/cgroup":                                     "0::/system.slice/pollux.service\n",
			"/sys/fs/cgroup/system.slice/memory.max":                "500\n",
			"/sys/fs/cgroup/system.slice/pollux.service/memory.max": "700\n",
			"/sys/fs/cgroup/memory.max":                             "max\n",
		}, 500},
		{"version 1", map[string]string{
			"/proc/self/cgroup": "12:cpu,cpuacct:/\n5:memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/docker/abc\n",
			"/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "268435456\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes":            "9223372036854771712\n",
		}, 256 << 20},
		{"version 1, in a container", map[string]string{
			"/proc/self/cgroup":                           "5:memory:/docker/abc\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n",
		}, 1000},
		{"version 1, no limit", map[string]string{
			"/proc/self/cgroup":                           "5:hugetlb,memory:/\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 0},
		{"mixed", map[string]string{
			"/proc/self/cgroup":                           "5:memory:/\n0::/a\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "2000\n",
			"/sys/fs/cgroup/unified/a/memory.max":         "max\n",
		}, 2000},
		{"nonsense", map[string]string{"/proc/self/cgroup": "\nx\n0::\n", "/sys/fs/cgroup/memory.max": "much\n"}, 0},
	} {
		got := cgroupLimit(func(file string) (string, error) {
			text, there := test.files[file]
			if !there {
				return "", fs.ErrNotExist
			}
			return text, nil
		})
		if got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// Where the control group has a limit the collector has one below it, unless the
// operator gave it another.
func TestSoftLimit(t *testing.T) {
	for _, test := range []struct {
		cgroup int64
		env    string
		want   int64
	}{
		{0, "", 0},
		{256 << 20, "", 256 << 20 / 5 * 4},
		{1, "", 1},
		{256 << 20, "1GiB", 0},
		{256 << 20, "off", 0},
	} {
		getenv := func(name string) string { return map[string]string{"GOMEMLIMIT": test.env}[name] }
		if got := softLimit(test.cgroup, getenv); got != test.want {
			t.Errorf("%d, %q: %d, want %d", test.cgroup, test.env, got, test.want)
		}
	}
}

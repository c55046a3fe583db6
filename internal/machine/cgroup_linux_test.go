package machine

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// asked is set in a process that tells of its memory and does nothing else.
const asked = "POLLUX_TEST_MEMORY"

func TestMain(m *testing.M) {
	if os.Getenv(asked) == "" {
		os.Exit(m.Run())
	}
	var log bytes.Buffer
	restore := LimitMemory(slog.New(slog.NewTextHandler(&log, nil)))
	limited := debug.SetMemoryLimit(-1)
	limits := MemoryLimits()
	restore()
	fmt.Println(limits[0], limited, debug.SetMemoryLimit(-1), strings.Count(log.String(), "level=WARN"))
}

// A process whose control group has a limit of memory keeps the collector below it, and
// puts the old limit back. Both versions of control groups are laid out in a directory, and
// mounted over what the kernel says of the process, in a namespace of its own.
func TestControlGroups(t *testing.T) {
	const none = 1<<63 - 1
	for _, test := range []struct {
		name    string
		cgroup  string
		mounts  []string // root, place in the directory, type and option
		files   map[string]string
		env     string
		want    int64
		soft    int64
		warning bool
	}{
		{
			name: "version 2, in a container", cgroup: "0::/", mounts: []string{"/ . cgroup2 rw"},
			files: map[string]string{"memory.max": "268435456"}, want: 256 << 20, soft: 256 << 20 / 5 * 4,
		},
		{
			name: "version 2, the smallest on the way up", cgroup: "0::/system.slice/pollux.service", mounts: []string{"/ . cgroup2 rw"},
			files: map[string]string{
				"memory.max": "max", "system.slice/memory.max": "50000000", "system.slice/pollux.service/memory.max": "70000000",
			},
			want: 50_000_000, soft: 40_000_000,
		},
		{
			name: "version 2, no limit", cgroup: "0::/", mounts: []string{"/ . cgroup2 rw"},
			files: map[string]string{"memory.max": "max"}, soft: none,
		},
		{
			name: "version 1, in a container", cgroup: "5:memory:/docker/abc\n1:name=systemd:/docker/abc", mounts: []string{"/docker/abc memory cgroup rw,memory"},
			files: map[string]string{"memory/memory.limit_in_bytes": "134217728"}, want: 128 << 20, soft: 128 << 20 / 5 * 4,
		},
		{
			name: "version 1, no limit", cgroup: "5:memory:/", mounts: []string{"/ memory cgroup rw,memory"},
			files: map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712"}, soft: none,
		},
		{
			name: "the operator has another limit", cgroup: "0::/", mounts: []string{"/ . cgroup2 rw"},
			files: map[string]string{"memory.max": "268435456"}, env: "GOMEMLIMIT=100000000", want: 256 << 20, soft: 100_000_000,
		},
		{
			name: "nonsense", cgroup: "0::/", mounts: []string{"/ . cgroup2 rw"},
			files: map[string]string{"memory.max": "much"}, soft: none, warning: true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "cgroup"), test.cgroup)
			for file, text := range test.files {
				write(t, filepath.Join(dir, "fs", file), text)
			}
			var mounts []string
			for i, mount := range test.mounts {
				var root, place, kind, options string
				if _, err := fmt.Sscan(mount, &root, &place, &kind, &options); err != nil {
					t.Fatal(err)
				}
				mounts = append(mounts, fmt.Sprintf("%d 1 0:%d %s %s rw - %s cgroup %s", 100+i, 50+i, root, filepath.Join(dir, "fs", place), kind, options))
			}
			write(t, filepath.Join(dir, "mountinfo"), strings.Join(mounts, "\n"))

			before := int64(none)
			if _, value, set := strings.Cut(test.env, "="); set {
				before, _ = strconv.ParseInt(value, 10, 64)
			}
			warnings := 0
			if test.warning {
				warnings = 1
			}
			want := fmt.Sprintln(test.want, test.soft, before, warnings)
			if got := tellMemory(t, dir, test.env); got != want {
				t.Errorf("limit, limit of the collector, the one afterwards, warnings: %s, want %s", got, want)
			}
		})
	}
}

// tellMemory runs this program as one whose control groups are those of dir.
func tellMemory(t *testing.T, dir, env string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	namespace := []string{"--mount"}
	if os.Getuid() != 0 {
		namespace = append(namespace, "--user", "--map-root-user")
	}
	const script = `mount --bind "$1/cgroup" /proc/$$/cgroup && mount --bind "$1/mountinfo" /proc/$$/mountinfo && exec "$2"`
	command := exec.CommandContext(ctx, "unshare", append(namespace, "sh", "-c", script, "sh", dir, os.Args[0])...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), asked + "=1", env}
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return string(out)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

package test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// mostExposed is the highest exposure that systemd-analyze security may find, times ten. A
// server has the Internet (0.3), the network of the host (0.5), and no list of addresses
// (0.2). The rest is sockets of systemd, and a clock that can be read.
const mostExposed = "11"

// host lays out a machine that has the units and the program, in a directory.
func host(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	units, err := filepath.Glob("../systemd/*")
	if err != nil || len(units) == 0 {
		t.Fatal(units, err)
	}
	files := map[string]string{"usr/local/bin/pollux": "", "bin/kill": ""}
	for _, unit := range units {
		files["etc/systemd/system/"+filepath.Base(unit)] = read(t, unit)
	}
	for _, unit := range []string{"network-online.target", "multi-user.target", "sockets.target", "basic.target", "sysinit.target", "shutdown.target", "network.target", "tmp.mount", "-.mount"} {
		files["usr/lib/systemd/system/"+unit] = "[Unit]\nDescription=" + unit + "\n"
	}
	files["usr/lib/systemd/system/tmp.mount"] += "[Mount]\nWhat=tmpfs\nWhere=/tmp\nType=tmpfs\n"
	delete(files, "usr/lib/systemd/system/-.mount")
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644|fileMode(name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func fileMode(name string) os.FileMode {
	if strings.Contains(name, "bin/") {
		return 0o111
	}
	return 0
}

// systemd finds no mistake in the units, and knows each key.
func TestSystemdVerify(t *testing.T) {
	dir := host(t)
	units, err := filepath.Glob(dir + "/etc/systemd/system/*")
	if err != nil {
		t.Fatal(err)
	}
	if out := command(t, nil, "systemd-analyze", append([]string{"verify", "--root=" + dir, "--man=no", "--recursive-errors=yes"}, units...)...); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
}

// The service can do little more than serve.
func TestSystemdSecurity(t *testing.T) {
	out := command(t, nil, "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+mostExposed, "../systemd/pollux.service")
	t.Log(strings.TrimSpace(out[strings.LastIndex(out, "Overall"):]))
}

// The variables of the service are ones of the program, which is started by a command that
// it has, and gets the time that it needs to end.
func TestSystemdSettings(t *testing.T) {
	unit := read(t, "../systemd/pollux.service")
	value := func(key string) string {
		match := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindStringSubmatch(unit)
		if match == nil {
			t.Fatalf("no %s", key)
		}
		return match[1]
	}
	s := &settings{file: "streams: [{name: a, push: true}]\n", variables: make(map[string]string)}
	for _, match := range regexp.MustCompile(`(?m)^Environment=([A-Z_]+)=(.*)$`).FindAllStringSubmatch(unit, -1) {
		s.variables[match[1]] = match[2]
	}
	s.check(t)
	if s.variables["POLLUX_CONFIG"] != "/etc/pollux/pollux.yaml" {
		t.Errorf("POLLUX_CONFIG is %q", s.variables["POLLUX_CONFIG"])
	}
	start := strings.Fields(value("ExecStart"))
	if len(start) != 2 || !slices.Contains(commands(t), start[1]) {
		t.Errorf("%q is no command of the program", start)
	}
	if got := value("RestartPreventExitStatus"); got != "2" {
		t.Errorf("a mistake in the configuration has exit status 2, and %s does not restart", got)
	}
	stop, err := time.ParseDuration(value("TimeoutStopSec"))
	if need := s.shutdown(t); err != nil || stop <= need {
		t.Errorf("it has %s (%v) to end, and needs %s", stop, err, need)
	}
}

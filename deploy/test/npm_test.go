package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/capture"
)

// The packages for npm are packed, installed without a registry, and started by npx. A
// signal to npx reaches the program, which then ends as it should.
func TestNpx(t *testing.T) {
	dir := t.TempDir()
	in := func(folder string, name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = folder
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + dir,
			"npm_config_offline=true", "npm_config_audit=false", "npm_config_fund=false", "npm_config_update_notifier=false",
		}
		return cmd
	}
	run := func(folder string, name string, args ...string) string {
		t.Helper()
		out, err := in(folder, name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v: %s", name, args, err, out)
		}
		return string(out)
	}
	artifacts := filepath.Join(dir, "artifacts.json")
	text, err := json.Marshal([]map[string]string{
		{"type": "Archive", "path": "none"},
		{"type": "Binary", "goos": runtime.GOOS, "goarch": runtime.GOARCH, "path": program},
		{"type": "Binary", "goos": "windows", "goarch": "arm64", "path": program},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(artifacts, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(".", "node", "../npm/pack.mjs", artifacts, "0.0.1-test", dir+"/packages")

	project := filepath.Join(dir, "project")
	packages, err := filepath.Glob(dir + "/packages/*")
	if err != nil || len(packages) != 3 {
		t.Fatal(packages, err)
	}
	install := []string{"install"}
	for _, folder := range packages {
		if !strings.Contains(folder, "win32") { // which is for another platform
			install = append(install, filepath.Join(folder, lastLine(run(folder, "npm", "pack", "--silent"))))
		}
	}
	if err := os.Mkdir(project, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(project+"/package.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(project, "npm", install...)
	if out := run(project, "npx", "pollux", "version"); !strings.HasPrefix(out, "pollux ") {
		t.Errorf("npx pollux version: %s", out)
	}
	wrong := in(project, "npx", "pollux", "serve", "--every", "never")
	if err := wrong.Run(); wrong.ProcessState == nil || wrong.ProcessState.ExitCode() != 2 {
		t.Errorf("a mistake on the command line: %v", err)
	}

	serve := in(project, "npx", "pollux", "serve", "--listen", "127.0.0.1:0", "--drain", "0s")
	logFile, err := os.Create(filepath.Join(dir, "log")) // not a pipe, which Wait would wait for
	if err != nil {
		t.Fatal(err)
	}
	defer logFile.Close()
	serve.Stderr = logFile
	log := func() string { return read(t, logFile.Name()) }
	serve.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-serve.Process.Pid, syscall.SIGKILL) })
	for try := 0; !strings.Contains(log(), "msg=listening"); try++ {
		if try == 300 {
			t.Fatalf("it does not listen: %s", log())
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil { // to npx alone
		t.Fatal(err)
	}
	for try := 0; !strings.Contains(log(), `msg="shut down"`); try++ {
		if try == 100 {
			t.Fatalf("it does not shut down: %s", log())
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = serve.Wait() // its status is the signal, as npm passes it on
}

// The launcher itself ends with the status of the program.
func TestNpmLauncher(t *testing.T) {
	dir := t.TempDir()
	names := map[string]string{"amd64": "x64", "arm64": "arm64"}
	platform := filepath.Join(dir, "node_modules/@polluxhub/pollux-"+runtime.GOOS+"-"+names[runtime.GOARCH])
	if err := os.MkdirAll(platform, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		dir + "/pollux.js":         read(t, "../npm/pollux.js"),
		platform + "/package.json": "{}",
		platform + "/pollux":       "#!/bin/sh\nfor s in INT TERM HUP; do trap \"echo $s\" $s; done\ncase $1 in exit) exit 7;; die) kill -KILL $$;; esac\necho ready; until [ -e \"$0.end\" ]; do sleep 0.05; done\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for argument, want := range map[string]int{"exit": 7, "die": 128 + 9} {
		cmd := exec.Command("node", dir+"/pollux.js", argument)
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: status %d, want %d", argument, got, want)
		}
	}
	cmd := exec.Command("node", dir+"/pollux.js")
	var out capture.Output
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	saw := func(word string) {
		t.Helper()
		for try := 0; !slices.Contains(strings.Fields(out.String()), word); try++ {
			if try == 300 {
				t.Fatalf("no %s in %q", word, out.String())
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	saw("ready")
	for word, signal := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP} {
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		saw(word)
	}
	if err := os.WriteFile(platform+"/pollux.end", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(platform); err != nil {
		t.Fatal(err)
	}
	if told, err := exec.Command("node", dir+"/pollux.js").CombinedOutput(); err == nil || !regexp.MustCompile(`^pollux: the package @polluxhub/pollux-\S+ is not installed: .*\n$`).Match(told) {
		t.Errorf("without the package: %v, %s", err, told)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

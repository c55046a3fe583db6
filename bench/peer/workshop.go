package peer

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

//go:embed files
var files embed.FS

// token is what Pollux's publisher shows. It guards nothing: the server listens
// on the loopback interface for some seconds.
const token = "bench"

// Workshop is where servers are built.
type Workshop struct {
	Root string // of the Pollux repository
	Self string // this program
	dir  string
}

// NewWorkshop returns a Workshop with an empty directory of its own, which Close
// removes.
func NewWorkshop(root string) (*Workshop, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pollux-bench-")
	if err != nil {
		return nil, err
	}
	// The workers of nginx are another user.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // nothing secret is in there
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Workshop{Root: root, Self: self, dir: dir}, nil
}

// Close removes what was built.
func (w *Workshop) Close() error { return os.RemoveAll(w.dir) }

// Anonymous takes what belongs to this machine out of an error, so that it can be
// reported.
func (w *Workshop) Anonymous(err error) string {
	text := strings.ReplaceAll(err.Error(), w.dir+string(filepath.Separator), "")
	return strings.ReplaceAll(text, w.Self, "bench")
}

func (w *Workshop) path(name string) string { return filepath.Join(w.dir, name) }

// unpack writes one of the embedded files into the directory.
func (w *Workshop) unpack(name string) error {
	data, err := files.ReadFile("files/" + name)
	if err != nil {
		return err
	}
	return os.WriteFile(w.path(name), data, 0o644) //nolint:gosec // nothing secret is in there
}

// command returns the command of a program that this package names. Whoever
// starts it waits for it: no context has to end it.
func command(name string, args ...string) *exec.Cmd {
	return exec.Command(name, args...) //nolint:gosec,noctx // the names are constants, or of programs built here
}

// run runs a command to its end. Its output is part of the error.
func run(cmd *exec.Cmd) error {
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, text)
	}
	return nil
}

// output returns what a command says, or why it says nothing.
func output(name string, args ...string) string {
	text, err := command(name, args...).CombinedOutput()
	if err != nil {
		return "unknown: " + err.Error()
	}
	return strings.TrimSpace(string(text))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// module returns the version of a module that this program was built with, and
// of Go.
func module(path string) func(*Workshop) string {
	return func(*Workshop) string {
		info, ok := debug.ReadBuildInfo()
		if !ok || path == "" {
			return runtime.Version()
		}
		for _, dependency := range info.Deps {
			if dependency.Path == path {
				return dependency.Version + ", " + runtime.Version()
			}
		}
		return "unknown"
	}
}

func preparePollux(w *Workshop) error {
	cmd := command("go", "build", "-o", w.path(Pollux), "./cmd/pollux")
	cmd.Dir = w.Root
	return run(cmd)
}

func startPollux(w *Workshop, port, clients int) (*exec.Cmd, error) {
	return w.pollux(w.path(Pollux), port, clients), nil
}

// pollux returns the command of a Pollux, with these flags besides.
func (w *Workshop) pollux(binary string, port, clients int, flags ...string) *exec.Cmd {
	const spare = 100 // for those of the warm-up that have not gone yet
	cmd := command(binary, append([]string{"--push",
		"--listen", "127.0.0.1:" + strconv.Itoa(port),
		"--max-clients", strconv.Itoa(clients + spare),
		"--log-level", "error"}, flags...)...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "POLLUX_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "POLLUX_PUBLISH_TOKEN="+token)
	return cmd
}

func prepareFloor(w *Workshop) error {
	if err := w.unpack("floor.c"); err != nil {
		return err
	}
	return run(command("cc", "-O2", "-o", w.path(Floor), w.path("floor.c")))
}

func prepareNode(w *Workshop) error {
	if _, err := exec.LookPath("node"); err != nil {
		return err
	}
	return w.unpack("node.mjs")
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// withBuild runs the tests with a folder for the command, which build fills once for all of them.
type withBuild struct{ *testing.M }

// buildFolder is set before the first test.
var buildFolder string

func (w withBuild) Run() int {
	var err error
	if buildFolder, err = os.MkdirTemp("", "pollux-built-"); err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(buildFolder) }() // what is left there is temporary
	// A process with the race detector sleeps for a second before it ends, unless this variable says otherwise. The tests
	// start hundreds of them.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=10 "+os.Getenv("GORACE")); err != nil {
		panic(err)
	}
	return w.M.Run()
}

// build builds the command at its first call, as a release is built: without cgo, which the race detector needs. All calls
// return its file.
var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(buildFolder, "pollux")
	command := exec.Command("go", "build", "-o", binary, ".")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

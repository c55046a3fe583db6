//go:build e2e

package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// notRun are the commands of the README that the test does not run, each with the
// reason. A shell block that begins with one of them may hold no other command.
var notRun = map[string]string{
	"docker":     "needs a container engine: deploy/image-test.sh builds and runs the image",
	"make check": "is the suite that this test is part of",
	"make test":  "is the suite that this test is part of",
}

// TestReadme does what a reader of the README does in a fresh clone: it runs the
// shell blocks from top to bottom in one bash, and compares what each of them
// prints with the text block behind it. Go blocks are built and run, and blocks
// of JavaScript are bundled with the browser modules.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	clone := filepath.Join(t.TempDir(), "pollux")
	copyTree(t, clone)
	ran, skipped := shellOfReadme(t, string(page), clone)
	if ran < 6 {
		t.Errorf("%d shell blocks were run, want at least 6", ran)
	}
	if missing := slices.DeleteFunc(slices.Sorted(maps.Keys(notRun)), func(command string) bool { return skipped[command] }); len(missing) > 0 {
		t.Errorf("notRun names %q, which the README does not have", missing)
	}

	blocks := blocksOf(string(page))
	counts := map[string]int{}
	for i, b := range blocks {
		counts[b.language]++
		switch b.language {
		case "go":
			runGo(t, clone, b, printed(blocks, i))
		case "html", "jsx":
			bundle(t, clone, b)
		case "yaml":
			checkFile(t, clone, b)
		case "sh", "text":
		default:
			t.Errorf("README.md:%d: nothing tests a block of %q", b.line, b.language)
		}
	}
	for _, language := range []string{"go", "html", "jsx"} {
		if counts[language] == 0 {
			t.Errorf("README.md has no block of %s", language)
		}
	}
}

// shellOfReadme runs the shell blocks in a directory that holds the clone, and
// returns how many those were and which commands of notRun it left out.
func shellOfReadme(t *testing.T, page, clone string) (ran int, skipped map[string]bool) {
	t.Helper()
	// The ports of the README may be taken here. The default of --listen is linked
	// in, as it is for the image.
	_, first, _ := strings.Cut(listentest.FreeAddress(t), ":")
	_, second, _ := strings.Cut(listentest.FreeAddress(t), ":")
	page = strings.NewReplacer("3000", first, "3001", second).Replace(page)
	blocks := blocksOf(page)

	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	script.WriteString("git() { [[ $1 == clone ]]; }\n") // the clone is there
	skipped = map[string]bool{}
	var wanted []string // what the blocks that run print
	for i, b := range blocks {
		if b.language == "sh" && !leftOut(t, b, skipped) {
			wanted = append(wanted, printed(blocks, i))
			fmt.Fprintf(&script, "printf '\\036'\necho 'README.md:%d' >&2\n%s", b.line, b.text)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*longEnough)
	defer cancel()
	bash := exec.CommandContext(ctx, "bash", "-c", script.String())
	bash.Dir = filepath.Dir(clone)
	bash.Env = append(withoutPollux(os.Environ()),
		"GOFLAGS=-trimpath -ldflags=-X=github.com/polluxhub/pollux/cmd/pollux/config.DefaultListen=127.0.0.1:"+first)
	var stdout, stderr bytes.Buffer
	bash.Stdout, bash.Stderr = &stdout, &stderr
	// bash and the servers that it starts are a process group, and end together if
	// a command fails.
	bash.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	end := func() error { return syscall.Kill(-bash.Process.Pid, syscall.SIGKILL) }
	bash.Cancel = end
	bash.WaitDelay = time.Second
	if err := bash.Run(); err != nil {
		_ = end()
		t.Fatalf("the shell blocks: %v\n%s\nstandard error:\n%s", err, &stdout, &stderr)
	}
	if end() == nil {
		t.Error("a server of the README runs on after its last block")
	}
	for i, got := range strings.Split(stdout.String(), separator)[1:] {
		if want := wanted[i]; want != "" && shape(got) != shape(want) {
			t.Errorf("a block prints\n%s\nand the README says\n%s", got, want)
		}
	}
	if t.Failed() {
		t.Logf("standard error:\n%s", &stderr)
	}
	return len(wanted), skipped
}

// separator stands before the output of each block.
const separator = "\036"

// leftOut reports whether a shell block is one that is not run, and notes by which
// commands.
func leftOut(t *testing.T, b block, skipped map[string]bool) bool {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(b.text), "\n")
	out := 0
	for _, line := range lines {
		for command := range notRun {
			if line == command || strings.HasPrefix(line, command+" ") {
				out++
				skipped[command] = true
			}
		}
	}
	if out != 0 && out != len(lines) {
		t.Fatalf("README.md:%d: some commands of this block are not run, and some are: make it two blocks", b.line)
	}
	return out != 0
}

// printed returns the text block directly behind a block, or nothing.
func printed(blocks []block, i int) string {
	if i+1 < len(blocks) && blocks[i+1].language == "text" {
		return blocks[i+1].text
	}
	return ""
}

// shape replaces what differs from run to run: IDs, times, values, counts and the
// retry time. A block with an ID alone comes where the first document does not
// exist yet.
func shape(output string) string {
	for _, replacement := range []struct{ what, by string }{
		{`(?m)^id: \S+\n\n`, ``},
		{`[0-9a-f]{16}-\d+`, `ID`},
		{`\d{4}-\d\d-\d\dT[\d:.]+Z`, `TIME`},
		{`retry: \d{4}\b`, `retry: N`},
		{`"(value|events)":\d+`, `"$1":N`},
		{`update: \d+`, `update: N`},
	} {
		output = regexp.MustCompile(replacement.what).ReplaceAllString(output, replacement.by)
	}
	return strings.TrimSpace(output)
}

// runGo builds and runs a Go block, a whole program, within the module.
func runGo(t *testing.T, clone string, b block, want string) {
	t.Helper()
	name := fmt.Sprintf("./line%d", b.line)
	binary := filepath.Join(clone, name, "program")
	writeFile(t, filepath.Join(clone, name, "main.go"), b.text)
	for _, args := range [][]string{{"vet", name}, {"build", "-o", binary, name}} {
		command := exec.Command("go", args...)
		command.Dir = clone
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("README.md:%d: go %s: %v\n%s", b.line, args[0], err, out)
			return
		}
	}
	if want == "" { // a program that serves until it is stopped
		return
	}
	if out, err := exec.Command(binary).CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("README.md:%d: the program prints\n%s(%v), want\n%s", b.line, out, err, want)
	}
}

// checkFile gives a configuration to pollux check, with a token in the file that it names.
func checkFile(t *testing.T, clone string, b block) {
	t.Helper()
	name := fmt.Sprintf("line%d.yaml", b.line)
	writeFile(t, filepath.Join(clone, name), b.text)
	for _, args := range [][]string{{"token", "alice", "--subscribe", "prices*", "--file", "tokens.txt"}, {"check", "--no-env", name}} {
		command := exec.Command("go", append([]string{"run", "./cmd/pollux"}, args...)...)
		command.Dir = clone
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("README.md:%d: pollux %s: %v\n%s", b.line, args[0], err, out)
		}
	}
}

var moduleScript = regexp.MustCompile(`(?s)<script type="module">(.*?)</script>`)

// bundle gives esbuild a block of JavaScript: it has to parse, and what it imports
// has to be exported by the browser modules.
func bundle(t *testing.T, clone string, b block) {
	t.Helper()
	code := b.text
	if b.language == "html" {
		match := moduleScript.FindStringSubmatch(code)
		if match == nil {
			t.Errorf("README.md:%d: this page has no module script", b.line)
			return
		}
		code = match[1]
	}
	modules, err := filepath.Abs("../../static/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	code = strings.ReplaceAll(code, "'/client/", "'./client/") // the server serves it from its root
	command := exec.Command(filepath.Join(modules, ".bin/esbuild"), "--bundle", "--format=esm", "--loader=jsx", "--log-level=warning",
		"--alias:pollux-client=./client") // the package, which package.test.js packs and installs
	command.Dir = filepath.Join(clone, "static")
	command.Env = append(os.Environ(), "NODE_PATH="+modules)
	command.Stdin = strings.NewReader(code)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("README.md:%d: %v\n%s", b.line, err, &stderr)
	}
}

// copyTree makes a copy of the module as a clone would have it, without what was
// built or installed.
func copyTree(t *testing.T, target string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		// What was installed or built in an example is no part of a clone.
		if slices.Contains([]string{".git", "bin", "bench", "pollux.yaml"}, relative) || slices.Contains([]string{"node_modules", ".next"}, entry.Name()) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(target, relative), 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(target, relative), content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// withoutPollux returns an environment without the variables of Pollux.
func withoutPollux(environment []string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool { return strings.HasPrefix(variable, "POLLUX_") })
}

// writeFile writes a file, and the folder that it is in.
func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

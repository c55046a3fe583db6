//go:build e2e

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shell is how one shell is started for a test, with a terminal, and completes.
type shell struct {
	name  string
	args  []string
	setup string // %s is the file with the script
}

var shells = []shell{
	{"bash", []string{"--noprofile", "--norc", "-i"}, "source %s"},
	{"zsh", []string{"-f", "-i"}, "autoload -U compinit && compinit -u -D && source %s"},
}

// Somebody types the beginning of a word and presses the tabulator key, in a real shell
// with a terminal. What the command line has become is told by a command that the shell
// runs in place of pollux.
func TestCompletionInTerminal(t *testing.T) {
	for _, sh := range shells {
		t.Run(sh.name, func(t *testing.T) {
			terminal := start(t, sh)
			for _, test := range []struct{ typed, want string }{
				{"vers\t", "version"},
				{"--log-le\tde\t", "--log-level debug"},
				{"serve --log-le\tde\t", "serve --log-level debug"},
				{"serve --log-level=de\t", "serve --log-level=debug"},
				{"serve --log-level debug --push --compr\tof\t", "serve --log-level debug --push --compression off"},
				{"serve --url check --no-e\t", "serve --url check --no-e"}, // the value of a flag is no command
				{"serve --url=check --compr\t", "serve --url=check --compression"},
				{"check --no-e\t", "check --no-env"},
				{"check poll\t", "check pollux.yaml"},
				{"--config poll\t", "--config pollux.yaml"},
				{"health --conf\tpoll\t", "health --config pollux.yaml"},
				{"completion zs\t", "completion zsh"},
				{"health --log-l\t", "health --log-l"}, // no flag of health
			} {
				terminal.typed("pollux " + test.typed + "\n")
				if got := terminal.answer(); plain(got) != plain(test.want) {
					t.Errorf("%q: %q, want %q", test.typed, got, test.want)
				}
			}
		})
	}
}

// plain returns a command line without what shells do differently: bash puts a space
// between flag and value, and zsh "=".
func plain(line string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(line, "=", " ")), " ")
}

// Fish can be asked what it would offer.
func TestCompletionInFish(t *testing.T) {
	dir := directory(t)
	for _, test := range []struct{ typed, want string }{
		{"pollux ver", "version"},
		{"pollux --log-le", "--log-level"},
		{"pollux --log-level ", "debug error info warn"},
		{"pollux serve --compression=", "--compression=off --compression=on"},
		{"pollux check --no-e", "--no-env"},
		{"pollux check poll", "pollux.yaml"},
		{"pollux --config poll", "pollux.yaml"},
		{"pollux health --config poll", "pollux.yaml"},
		{"pollux completion ", "bash fish zsh"},
		{"pollux health --log-l", ""},
		{"pollux serve --url poll", ""},
	} {
		command := exec.CommandContext(t.Context(), "fish", "--no-config", "-c", `source "$argv[1]"; complete -C "$argv[2]"`,
			script(t, "fish"), test.typed)
		command.Dir = dir
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var offered []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			offered = append(offered, word)
		}
		if got := strings.Join(offered, " "); got != test.want {
			t.Errorf("%q: %q, want %q", test.typed, got, test.want)
		}
	}
}

// script returns a file with what pollux completion prints.
func script(t *testing.T, name string) string {
	t.Helper()
	var stdout, stderr strings.Builder
	if status := run(t.Context(), nil, []string{"completion", name}, &stdout, &stderr); status != exitOK {
		t.Fatalf("status %d: %s", status, stderr.String())
	}
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(stdout.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// directory returns a directory with a configuration file and another file.
func directory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pollux.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// terminal is a terminal with a shell in it.
type terminal struct {
	*testing.T
	file *os.File // the side where somebody sits
	seen string   // and has not been asked for
}

// start starts a shell that completes pollux, and runs a function of that name that
// tells its arguments.
func start(t *testing.T, sh shell) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	connection, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var side *os.File
	if err := connection.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			return
		}
		if err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 500}); err != nil {
			return
		}
		var number uint32
		if number, err = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN); err == nil {
			side, err = os.OpenFile("/dev/pts/"+strconv.FormatUint(uint64(number), 10), os.O_RDWR|unix.O_NOCTTY, 0)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	command := exec.CommandContext(ctx, sh.name, sh.args...)
	command.Dir = directory(t)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "TERM=dumb", "LC_ALL=C.UTF-8", "HOME=" + command.Dir, "HISTFILE=", "PS1=ready> "}
	command.Stdin, command.Stdout, command.Stderr = side, side, side
	command.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = side.Close() // the shell has it
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was ended
	})
	term := &terminal{T: t, file: master}
	term.typed("stty -echo; " + strings.ReplaceAll(sh.setup, "%s", script(t, sh.name)) + ` && pollux() { printf '<begin>%s<end>' "$*"; }; pollux is ready` + "\n")
	if got := term.answer(); got != "is ready" {
		t.Fatalf("the shell says %q", got)
	}
	return term
}

func (t *terminal) typed(text string) {
	t.Helper()
	if _, err := t.file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// answer returns what is next between the marks. A mark that is typed has quotes in it
// when it comes back.
func (t *terminal) answer() string {
	t.Helper()
	if err := t.file.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for {
		if _, rest, found := strings.Cut(t.seen, "<begin>"); found {
			if got, after, complete := strings.Cut(rest, "<end>"); complete && !strings.HasPrefix(got, "%s") {
				t.seen = after
				return got
			} else if complete {
				t.seen = after
				continue
			}
		}
		n, err := t.file.Read(buffer)
		if err != nil {
			t.Fatalf("%v, after %q", err, t.seen)
		}
		t.seen += string(buffer[:n])
	}
}

// Package test checks the files to deploy Pollux with: that those who read such files
// accept them, and that each setting, variable, route and port in them is one of the
// program. It is a module of its own, because the types of Kubernetes, Compose and others
// are large.
package test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/polluxhub/pollux/internal/capture"
)

const root = "../.." // of the repository

// program is the built program, with the defaults that the linker gives it in the image.
var program string

// imageDefault matches what the Dockerfile tells the linker of a default.
var imageDefault = regexp.MustCompile(`-X \S+/config\.Default\S+=[^"\s]+`)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "pollux-deploy-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "pollux")
		dockerfile, err := os.ReadFile(root + "/Dockerfile")
		if err != nil {
			panic(err)
		}
		defaults := imageDefault.FindAllString(string(dockerfile), -1)
		build := exec.Command("go", "build", "-ldflags", strings.Join(defaults, " "), "-o", program, "./cmd/pollux")
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %s", err, out)
			return 1
		}
		return m.Run()
	}())
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// command runs a command to its end, and fails the test if it fails. It returns what was
// written to both outputs.
func command(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, name, args...)
	run.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v: %s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// settings is what a deployment gives the program: a file and variables, and files with
// secrets.
type settings struct {
	file      string // its text
	variables map[string]string
	secrets   []string // paths
}

// check has the program judge the settings as a start does. It warns of variables that it
// does not know.
func (s *settings) check(t *testing.T) {
	t.Helper()
	dir, text := t.TempDir(), s.file
	for _, path := range s.secrets {
		secret := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, ": "+path+"\n") {
			t.Errorf("the file does not name %s", path)
		}
		text = strings.ReplaceAll(text, ": "+path+"\n", ": "+secret+"\n")
	}
	file := filepath.Join(dir, "pollux.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var env []string
	for name, value := range s.variables {
		if strings.HasPrefix(name, "POLLUX_") && name != "POLLUX_CONFIG" {
			env = append(env, name+"="+value)
		}
	}
	if out := command(t, env, program, "check", file); !regexp.MustCompile(`\A\S+: OK, \d+ streams?\n\z`).MatchString(out) {
		t.Errorf("pollux check: %s", out)
	}
}

// value returns the value of a setting: from its variable, the file, or the default.
func (s *settings) value(t *testing.T, key string) string {
	t.Helper()
	if value := s.variables["POLLUX_"+strings.ToUpper(key)]; value != "" {
		return value
	}
	var file map[string]any
	if err := yaml.Unmarshal([]byte(s.file), &file); err != nil {
		t.Fatal(err)
	}
	if value, given := file[key]; given {
		return fmt.Sprint(value)
	}
	var schema struct {
		Properties map[string]struct{ Default any }
	}
	if err := json.Unmarshal([]byte(read(t, root+"/docs/pollux.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	setting, exists := schema.Properties[key]
	if !exists || setting.Default == nil {
		t.Fatalf("no setting %s with a default", key)
	}
	return fmt.Sprint(setting.Default)
}

// shutdown returns how long the program takes at most from SIGTERM to its end: it cuts
// what is not over four seconds after the drain window.
func (s *settings) shutdown(t *testing.T) time.Duration {
	t.Helper()
	total := 4 * time.Second
	for _, key := range []string{"lame_duck", "drain"} {
		d, err := time.ParseDuration(s.value(t, key))
		if err != nil {
			t.Fatal(err)
		}
		total += d
	}
	return total
}

// port returns the port of an address that the settings have.
func (s *settings) port(t *testing.T, key string) string {
	t.Helper()
	address := s.value(t, key)
	return address[strings.LastIndexByte(address, ':')+1:]
}

// serve starts the program, with a stream of its own, and returns its URL, and that of the
// admin address if the flags have one.
func serve(t *testing.T, flags ...string) (url, admin string) {
	t.Helper()
	run := exec.Command(program, append([]string{"serve", "--every", "1s", "--drain", "0s"}, flags...)...)
	run.Env = []string{"POLLUX_LISTEN=127.0.0.1:0"}
	var log capture.Output
	run.Stderr = &log
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if err := run.Wait(); err != nil {
			t.Errorf("%v: %s", err, log.String())
		}
	})
	listening := regexp.MustCompile(`msg=listening url=(\S+)`)
	administered := regexp.MustCompile(`msg="admin listening" url=(\S+)`)
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(20 * time.Millisecond) {
		match, other := listening.FindStringSubmatch(log.String()), administered.FindStringSubmatch(log.String())
		if match == nil || other == nil && slices.Contains(flags, "--admin-listen") {
			continue
		}
		if other != nil {
			admin = other[1]
		}
		return match[1], admin
	}
	t.Fatalf("pollux does not listen: %s", log.String())
	return "", ""
}

// get returns the status of an answer.
func get(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// commands returns the commands of the program.
func commands(t *testing.T) []string {
	t.Helper()
	_, list, _ := strings.Cut(command(t, nil, program, "--help"), "\nCommands:\n")
	var names []string
	for _, match := range regexp.MustCompile(`(?m)^  ([a-z]+) `).FindAllStringSubmatch(list, -1) {
		names = append(names, match[1])
	}
	if !slices.Contains(names, "serve") {
		t.Fatalf("no commands in %s", list)
	}
	return names
}

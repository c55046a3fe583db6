package test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	goreleaser "github.com/goreleaser/goreleaser/v2/pkg/config"
	"sigs.k8s.io/yaml"
)

// goreleaser knows each key of its configuration. Its version, its programs for each
// platform that npm has a package for, and what the program tells as its version are right.
func TestRelease(t *testing.T) {
	project, err := goreleaser.Load(root + "/.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if project.Version != 2 || len(project.Builds) != 1 {
		t.Fatalf("version %d, %d builds", project.Version, len(project.Builds))
	}
	build := project.Builds[0]
	flags := strings.ReplaceAll(strings.Join(build.Ldflags, " "), "{{ .Version }}", "1.2.3")
	program := filepath.Join(t.TempDir(), "pollux")
	compile := exec.CommandContext(t.Context(), "go", "build", "-ldflags", flags, "-o", program, build.Main)
	compile.Dir = root
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out := command(t, nil, program, "version"); !strings.HasPrefix(out, "pollux v1.2.3 ") {
		t.Errorf("pollux version: %s", out)
	}
}

// Each action of the workflows is one commit, and each job has the permissions that it says
// and no others. make deploy-test has actionlint read the rest.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(root + "/.github/workflows/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	pinned := regexp.MustCompile(`^(\./.*|[a-z-]+/[a-z-]+@[0-9a-f]{40} # v[0-9.]+)$`)
	for _, file := range files {
		text := read(t, file)
		for _, match := range regexp.MustCompile(`(?m)^\s*(?:- )?uses: (.*)$`).FindAllStringSubmatch(text, -1) {
			if !pinned.MatchString(match[1]) {
				t.Errorf("%s: %s is not one commit", file, match[1])
			}
		}
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]struct{ Permissions map[string]string }
		}
		if err := yaml.Unmarshal([]byte(text), &workflow); err != nil {
			t.Fatal(err)
		}
		if workflow.Permissions == nil || len(workflow.Permissions) != 0 {
			t.Errorf("%s: every job has the permissions %v", file, workflow.Permissions)
		}
		for name, job := range workflow.Jobs {
			if job.Permissions == nil {
				t.Errorf("%s: %s does not say its permissions", file, name)
			}
			for scope, access := range job.Permissions {
				if access == "write" && name != "publish" {
					t.Errorf("%s: %s may write %s", file, name, scope)
				}
			}
		}
	}
}

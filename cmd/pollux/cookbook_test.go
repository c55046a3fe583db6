package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each configuration of the cookbook passes `pollux check`, with an environment
// that has what it names, and files in the places that it names.
func TestCookbookPassesTheCheck(t *testing.T) {
	page, err := os.ReadFile("../../docs/cookbook.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	secret := filepath.Join(folder, "secret")
	if err := os.WriteFile(secret, []byte("content\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var (
		variable = regexp.MustCompile(`\$\{([A-Z_]+)\}`)
		inFile   = regexp.MustCompile(`(?m)^( *[a-z_]+_file: ).*$`)
		inHeader = regexp.MustCompile(`(?m)^( *header_files:\n *[A-Za-z-]+: ).*$`)
	)
	recipes := strings.Split(string(page), "\n```yaml\n")[1:]
	for i, recipe := range recipes {
		recipe, _, _ = strings.Cut(recipe, "\n```\n")
		for _, match := range variable.FindAllStringSubmatch(recipe, -1) {
			t.Setenv(match[1], "value")
		}
		recipe = inFile.ReplaceAllString(recipe, "${1}"+secret)
		recipe = inHeader.ReplaceAllString(recipe, "${1}"+secret)
		file := filepath.Join(folder, fmt.Sprintf("use%d.yaml", i+1))
		if err := os.WriteFile(file, []byte(recipe), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		if status := run(t.Context(), nil, []string{"check", file}, &stdout, &stderr); status != exitOK {
			t.Errorf("use %d: %s", i+1, stderr.String())
		}
	}
	if len(recipes) != 14 {
		t.Errorf("%d uses, want 14", len(recipes))
	}
}

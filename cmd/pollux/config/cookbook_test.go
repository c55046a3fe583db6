package config

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers/auth"
)

// fences returns the yaml blocks of a Markdown page.
func fences(page string) []string {
	var blocks []string
	for _, part := range strings.Split(page, "\n```yaml\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```\n")
		blocks = append(blocks, block+"\n")
	}
	return blocks
}

// TestCookbook checks each recipe with this package and with the schema.
func TestCookbook(t *testing.T) {
	page, err := os.ReadFile("../../../docs/cookbook.md")
	if err != nil {
		t.Fatal(err)
	}
	recipes := fences(string(page))
	if uses := strings.Count(string(page), "\n## "); len(recipes) != uses {
		t.Errorf("%d configurations in %d uses, want one in each", len(recipes), uses)
	}
	variable := regexp.MustCompile(`\$\{([A-Z_]+)(:-[^}]*)?\}`)
	s := readSchema(t)
	for i, recipe := range recipes {
		named := map[string]string{}
		for _, match := range variable.FindAllStringSubmatch(recipe, -1) {
			if match[2] == "" {
				named[match[1]] = "value"
			}
		}
		c, err := parse("cookbook.md", []byte(recipe), Options{Getenv: func(name string) string { return named[name] }},
			func(string, int64) ([]byte, error) { return []byte("content\n"), nil })
		if err != nil {
			t.Errorf("use %d: %v", i+1, err)
			continue
		}
		for _, mistake := range s.judgeYAML(t, recipe) {
			t.Errorf("use %d: the schema says: %s", i+1, mistake)
		}
		if len(c.Streams) == 0 {
			t.Errorf("use %d has no stream", i+1)
		}
		for _, stream := range c.Streams {
			_, watched, _ := strings.Cut(string(page), recipe)
			watched, _, _ = strings.Cut(watched, "\n## ")
			if !strings.Contains(watched, stream.Name) || !strings.Contains(watched, "\n    ") {
				t.Errorf("use %d does not say how to watch %s", i+1, stream.Name)
			}
		}
	}
}

// TestPublicAddress checks the configuration for a server that everybody can reach, and that
// it says nothing that a start would refuse: all its streams need a token.
func TestPublicAddress(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## On a public address\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := fences(section)
	if len(blocks) != 1 {
		t.Fatalf("%d configurations, want 1", len(blocks))
	}
	c, err := parse("operations.md", []byte(blocks[0]), Options{Getenv: os.Getenv}, func(string, int64) ([]byte, error) {
		_, s := auth.NewStatic(auth.Static{Name: "alice", Subscribe: auth.Patterns{"prices"}})
		return []byte(s.Line()), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Tokens == nil || c.Public != nil || c.TLSCertFile == nil || c.MaxClientsPerAddress == nil || c.ConnectsPerSecond == nil || c.PublishesPerSecond == nil {
		t.Error("it is not safe to put on the internet")
	}
	for _, stream := range c.Streams {
		if stream.Access != "" {
			t.Errorf("%s says who may read it", stream.Name)
		}
	}
	for _, mistake := range readSchema(t).judgeYAML(t, blocks[0]) {
		t.Errorf("the schema says: %s", mistake)
	}
}

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var relativeLink = regexp.MustCompile(`\]\(([^):#]+)(#[^)]*)?\)`)

// Each link of a document to a file of the repository leads to a file.
func TestLinksOfDocuments(t *testing.T) {
	links := 0
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../bench/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range relativeLink.FindAllStringSubmatch(string(text), -1) {
				links++
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); err != nil {
					t.Errorf("%s: %v", page, err)
				}
			}
		}
	}
	if links < 20 {
		t.Errorf("%d links were found, want at least 20", links)
	}
}

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	exported = regexp.MustCompile(`(?m)^export (?:async )?(?:class|const|function) (\w+)`)
	fileName = regexp.MustCompile(`^(\w[\w/.-]*\.(go|html|js|md|sh)|Dockerfile)$`)
)

// In the tables of ARCHITECTURE.md that say where something is, and in that of SECURITY.md
// about tests of attacks, each file exists and declares the names behind it.
func TestTablesOfArchitecture(t *testing.T) {
	for page, title := range map[string]string{"ARCHITECTURE.md": "Where to find it", "SECURITY.md": "Attacks and their tests"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		_, section, found := strings.Cut(string(text), "\n## "+title+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !found {
			t.Fatalf("%s has no section %q", page, title)
		}
		names := 0
		for line := range strings.Lines(section) {
			if strings.HasPrefix(line, "| ") {
				names += checkPlaces(t, strings.Split(line, "|")[2])
			}
		}
		if names < 20 {
			t.Errorf("the tables of %s name %d declarations, want at least 20", page, names)
		}
	}
}

// checkPlaces checks files, each with the names behind it that it declares, and returns how
// many names there are.
func checkPlaces(t *testing.T, where string) (names int) {
	t.Helper()
	var file string
	var declared map[string]bool
	for _, span := range codeSpan.FindAllStringSubmatch(where, -1) {
		if !fileName.MatchString(span[1]) {
			names++
			if !declared[span[1]] {
				t.Errorf("%s does not declare %s", file, span[1])
			}
			continue
		}
		file = span[1]
		text, err := os.ReadFile("../../" + file)
		declared = make(map[string]bool)
		switch {
		case err != nil:
			t.Error(err)
		case strings.HasSuffix(file, ".go"):
			declared = declarations(t, "../../"+file)
		case strings.HasSuffix(file, ".js"):
			for _, export := range exported.FindAllStringSubmatch(string(text), -1) {
				declared[export[1]] = true
			}
		}
	}
	return names
}

// declarations returns the names that a Go file declares at the top level. A method is
// Type.method.
func declarations(t *testing.T, path string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return nil
	}
	names := map[string]bool{}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			names[receiver(d)+d.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					names[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range s.Names {
						names[name.Name] = true
					}
				}
			}
		}
	}
	return names
}

// receiver returns the type of a method and a dot, "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

// block is a fenced part of a Markdown file.
type block struct {
	language, text string
	line           int // of the opening fence
}

// blocksOf returns the fenced blocks of a Markdown file.
func blocksOf(page string) (blocks []block) {
	var open *block
	for i, line := range strings.SplitAfter(page, "\n") {
		language, fence := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "```")
		switch {
		case fence && open == nil:
			open = &block{language: language, line: i + 1}
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	return blocks
}

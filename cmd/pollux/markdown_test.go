package main

import (
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

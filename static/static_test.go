package static_test

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/static"
)

// TestFilesAreComplete follows every link and import between the files: each target
// must be embedded, and each embedded file must be a target.
func TestFilesAreComplete(t *testing.T) {
	links := regexp.MustCompile(`(?:href|src)="([^"#:]+\.(?:js|css|svg))"|(?:^import .* from |import\(|new URL\()'(\.[^']+)'`)
	// Roots are opened by users; types.js and owner.js are for editors.
	wanted := map[string]bool{"index.html": true, "client/define.js": true, "client/react.js": true, "client/tabs.js": true, "client/types.js": true, "client/owner.js": true}
	var have []string
	err := fs.WalkDir(static.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		have = append(have, name)
		content, err := fs.ReadFile(static.Files, name)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(content)) {
			for _, match := range links.FindAllStringSubmatch(line, -1) {
				wanted[path.Join(path.Dir(name), match[1]+match[2])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range have {
		if !wanted[name] {
			t.Errorf("%s is embedded, but nothing asks for it", name)
		}
		delete(wanted, name)
	}
	for name := range wanted {
		t.Errorf("%s is asked for, but not embedded", name)
	}
}

// TestFilesNeedNothingElse checks that no page loads from another host.
func TestFilesNeedNothingElse(t *testing.T) {
	outside := regexp.MustCompile(`(?:href|src|from|url\()\s*=?\s*["'(]?(?:https?:)?//`)
	inline := regexp.MustCompile(`(?i)<script(?:>| [^>]*>[^<])|\sstyle=|\son[a-z]+=|<style`)
	err := fs.WalkDir(static.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(static.Files, name)
		if err != nil {
			return err
		}
		if found := outside.Find(content); found != nil {
			t.Errorf("%s reaches outside: %s", name, found)
		}
		if found := inline.Find(content); found != nil && path.Ext(name) == ".html" {
			t.Errorf("%s has inline code, which the policy forbids: %s", name, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

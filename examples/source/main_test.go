package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/polluxhub/pollux/poller"
)

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state.json")
	if _, err := file(name).Fetch(t.Context(), poller.Version{}); err == nil {
		t.Error("a file that is not there is read")
	}
	if err := os.WriteFile(name, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := file(name).Fetch(t.Context(), poller.Version{})
	if err != nil || string(first.Document) != "1" {
		t.Errorf("%+v, %v", first, err)
	}
	if again, err := file(name).Fetch(t.Context(), first.Version); err != nil || !again.Unchanged {
		t.Errorf("%+v, %v", again, err)
	}
}

//go:build unix

package embedded

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A file that was unlocked can be locked again, even while a child has it that was forked before.
func TestUnlock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.Dup(int(f.Fd())) // as fork does
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(child) })
	if _, err := lockFile(path); !errors.Is(err, errLocked) {
		t.Errorf("locked twice: %v", err)
	}
	if err := unlock(f); err != nil {
		t.Fatal(err)
	}
	again, err := lockFile(path)
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	if err := unlock(again); err != nil {
		t.Error(err)
	}
}

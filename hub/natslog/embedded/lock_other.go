//go:build !unix

package embedded

import (
	"errors"
	"os"
)

// errLocked is the error for a file that another process has locked.
var errLocked = errors.New("locked")

// lockFile fails: there is no lock that ends with the process.
func lockFile(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func unlock(f *os.File) error { return f.Close() }

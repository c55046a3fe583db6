package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The largest sizes of files that keys name, in bytes.
const (
	maxFile   = 64 << 10 // of a *_file key
	maxTokens = 4 << 20  // of tokens.file: a line has about a hundred bytes, and there can be auth.MaxStatic
)

// fileLimit returns the largest size of the file that the FileKey of a setting names.
func (s *Setting) fileLimit() int64 {
	if s.Is == "static-tokens" {
		return maxTokens
	}
	return maxFile
}

// readFileFunc returns the content of a file of at most limit bytes. Its error
// does not repeat the path.
type readFileFunc func(path string, limit int64) ([]byte, error)

func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path) // opening a pipe could wait for ever
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case info.IsDir():
		return nil, errors.New("is a directory, want a file")
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	}
	file, err := os.Open(path) //nolint:gosec // the operator chooses the files
	if err != nil {
		return nil, withoutPath(err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case int64(len(content)) > limit:
		return nil, fmt.Errorf("is larger than %d bytes", limit)
	}
	return content, nil
}

func withoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// files reads the files that keys name, each once.
type files struct {
	folder string // of the configuration
	read   readFileFunc
	known  map[limited]content
}

// limited is a file that may have so many bytes.
type limited struct {
	path  string
	limit int64
}

type content struct {
	text string
	err  error
}

// get returns the content of a file without the line breaks at its end.
// It has at most limit bytes.
func (f *files) get(path string, limit int64) (string, error) {
	path = f.resolve(path)
	c, known := f.known[limited{path, limit}]
	if !known {
		data, err := f.read(path, limit)
		c = content{strings.TrimRight(string(data), "\r\n"), err}
		f.known[limited{path, limit}] = c
	}
	return c.text, c.err
}

func (f *files) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.folder, path)
}

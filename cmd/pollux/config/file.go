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

// maxFile is the largest size of a file that a *_file key names, in bytes.
const maxFile = 64 << 10

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

// files reads the files that *_file keys name, each once.
type files struct {
	folder string // of the configuration
	read   readFileFunc
	known  map[string]content
}

type content struct {
	text string
	err  error
}

// get returns the content of a file without the line breaks at its end.
func (f *files) get(path string) (string, error) {
	path = f.resolve(path)
	c, known := f.known[path]
	if !known {
		data, err := f.read(path, maxFile)
		c = content{strings.TrimRight(string(data), "\r\n"), err}
		f.known[path] = c
	}
	return c.text, c.err
}

func (f *files) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.folder, path)
}

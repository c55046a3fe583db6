package httpjson

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// maxFile bounds a file, in bytes: a bundle of all public authorities has 200 kB.
const maxFile = 1 << 20

// fresh is what files have, which are read again when they change. Its methods are safe for
// concurrent use, and take no lock.
type fresh[T any] struct {
	paths   []string
	parse   func(texts [][]byte) (T, error)
	current atomic.Pointer[loaded[T]]
}

// loaded is what the files had, and which files these were.
type loaded[T any] struct {
	value T
	files []os.FileInfo
}

// newFresh reads the files. The error names the one that is wrong.
func newFresh[T any](parse func(texts [][]byte) (T, error), paths ...string) (*fresh[T], error) {
	f := &fresh[T]{paths: paths, parse: parse}
	now, err := f.load()
	if err != nil {
		return nil, err
	}
	f.current.Store(now)
	return f, nil
}

// get returns what the files have now, or had before if they cannot be read.
func (f *fresh[T]) get() T {
	now := f.current.Load()
	if f.changed(now.files) {
		if next, err := f.load(); err == nil {
			now = next
			f.current.Store(now)
		}
	}
	return now.value
}

// forget has the files read again by the next get, whether they have changed or not.
func (f *fresh[T]) forget() { f.current.Store(&loaded[T]{value: f.current.Load().value}) }

// changed reports whether the files are not those that were read, or are to be read again.
func (f *fresh[T]) changed(files []os.FileInfo) bool {
	if files == nil {
		return true
	}
	for i, path := range f.paths {
		info, err := os.Stat(path)
		if err != nil || !os.SameFile(info, files[i]) || !info.ModTime().Equal(files[i].ModTime()) || info.Size() != files[i].Size() {
			return true
		}
	}
	return false
}

// load reads the files.
func (f *fresh[T]) load() (*loaded[T], error) {
	next := &loaded[T]{files: make([]os.FileInfo, len(f.paths))}
	texts := make([][]byte, len(f.paths))
	for i, path := range f.paths {
		var err error
		if texts[i], next.files[i], err = readFile(path); err != nil {
			return nil, fmt.Errorf("httpjson: %w", err)
		}
	}
	value, err := f.parse(texts)
	if err != nil {
		return nil, fmt.Errorf("httpjson: %s: %w", f.paths[0], err)
	}
	next.value = value
	return next, nil
}

// isRegular reports whether a path is a regular file, or is not there.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular()
}

// readFile returns the content of a file, and what identifies this content.
func readFile(path string) ([]byte, os.FileInfo, error) {
	if !isRegular(path) { // a pipe would be waited for
		return nil, nil, fmt.Errorf("%s is no regular file", path)
	}
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	return text, info, err
}

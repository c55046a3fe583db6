package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ErrFormat is returned for a file of /proc that does not look as expected.
var ErrFormat = errors.New("proc: unknown format")

// add reads a file of each process of the group, as readFields does, and adds its numbers to sums.
func (g Group) add(file string, sums map[string]*int64) error {
	for _, pid := range g {
		f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil {
			return err
		}
		fields, err := readFields(f, file, slices.Collect(maps.Keys(sums)))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		for name, n := range fields {
			*sums[name] += n
		}
	}
	return nil
}

// readFields returns the numbers of a file of /proc that has lines such as "Name: 12", and "Name: 12 kB", which
// is 12 times 1024. Each name must be there.
func readFields(r io.Reader, file string, names []string) (map[string]int64, error) {
	fields := make(map[string]int64)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		if !slices.Contains(names, name) {
			continue
		}
		text, isKB := strings.CutSuffix(strings.TrimSpace(rest), " kB")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrFormat, file, err)
		}
		if isKB {
			n <<= 10
		}
		fields[name] = n
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(fields) != len(names) {
		return nil, fmt.Errorf("%w: %s: %d of %d lines", ErrFormat, file, len(fields), len(names))
	}
	return fields, nil
}

package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Written is what processes have written to files, pipes and sockets.
type Written struct {
	Calls int64
	Bytes int64
}

// Written returns what the group has written so far.
func (g Group) Written() (sum Written, err error) {
	for _, pid := range g {
		f, err := os.Open(fmt.Sprintf("/proc/%d/io", pid))
		if err != nil {
			return sum, err
		}
		w, err := parseWritten(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return sum, err
		}
		sum.Calls += w.Calls
		sum.Bytes += w.Bytes
	}
	return sum, nil
}

// parseWritten reads the text of /proc/PID/io.
func parseWritten(r io.Reader) (w Written, err error) {
	found := 0
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		var into *int64
		switch name {
		case "wchar":
			into = &w.Bytes
		case "syscw":
			into = &w.Calls
		default:
			continue
		}
		if *into, err = strconv.ParseInt(value, 10, 64); err != nil {
			return w, fmt.Errorf("%w: io: %w", ErrFormat, err)
		}
		found++
	}
	if found != 2 {
		return w, fmt.Errorf("%w: io: %d of 2 lines (%w)", ErrFormat, found, errors.Join(lines.Err(), io.EOF))
	}
	return w, nil
}

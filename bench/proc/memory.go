// Package proc reads from the kernel what processes use: memory, processor time,
// descriptors, threads; and starts processes on a chosen core.
package proc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// ErrFormat is returned for a file of /proc that does not look as expected.
var ErrFormat = errors.New("proc: unknown format")

// Memory is what one or more processes occupy, in bytes.
type Memory struct {
	Pss int64 // resident, pages that several processes share divided among them
	RSS int64 // resident, shared pages counted in full
}

// parseMemory reads the text of /proc/PID/smaps_rollup.
func parseMemory(r io.Reader) (Memory, error) {
	var m Memory
	found := 0
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		var target *int64
		switch name {
		case "Pss":
			target = &m.Pss
		case "Rss":
			target = &m.RSS
		default:
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) != 2 || fields[1] != "kB" {
			return m, fmt.Errorf("%w: smaps_rollup: %q", ErrFormat, lines.Text())
		}
		kB, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return m, fmt.Errorf("%w: smaps_rollup: %w", ErrFormat, err)
		}
		*target = kB << 10
		found++
	}
	if err := lines.Err(); err != nil {
		return m, err
	}
	if found != 2 {
		return m, fmt.Errorf("%w: smaps_rollup: %d of 2 lines", ErrFormat, found)
	}
	return m, nil
}

// Sockets is what the kernel holds for TCP: for both ends of every connection
// of the machine, since the load runs on it too.
type Sockets struct {
	TCP     int   // in use
	Orphans int   // closed by their process, with data still to be sent
	Bytes   int64 // in buffers
	Slab    int64 // of the kernel in all, where the sockets themselves are
}

// ReadSockets reads what the kernel holds now.
func ReadSockets() (Sockets, error) {
	text, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return Sockets{}, err
	}
	s, err := parseSockets(bytes.NewReader(text), int64(os.Getpagesize()))
	if err != nil {
		return s, err
	}
	if text, err = os.ReadFile("/proc/meminfo"); err != nil {
		return s, err
	}
	s.Slab, err = parseSlab(bytes.NewReader(text))
	return s, err
}

func parseSockets(r io.Reader, page int64) (s Sockets, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		rest, found := strings.CutPrefix(lines.Text(), "TCP:")
		if !found {
			continue
		}
		fields := strings.Fields(rest)
		for i := 0; i+1 < len(fields); i += 2 {
			n, err := strconv.ParseInt(fields[i+1], 10, 64)
			if err != nil {
				return s, fmt.Errorf("%w: sockstat: %w", ErrFormat, err)
			}
			switch fields[i] {
			case "inuse":
				s.TCP = int(n)
			case "orphan":
				s.Orphans = int(n)
			case "mem":
				s.Bytes = n * page
			}
		}
		return s, nil
	}
	return s, fmt.Errorf("%w: sockstat: no line TCP (%w)", ErrFormat, errors.Join(lines.Err(), io.EOF))
}

func parseSlab(r io.Reader) (int64, error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if rest, found := strings.CutPrefix(lines.Text(), "Slab:"); found {
			kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%w: meminfo: %w", ErrFormat, err)
			}
			return kB << 10, nil
		}
	}
	return 0, fmt.Errorf("%w: meminfo: no line Slab (%w)", ErrFormat, errors.Join(lines.Err(), io.EOF))
}

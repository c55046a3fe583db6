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

// Memory is what one or more processes occupy, in bytes.
type Memory struct {
	Pss int64 // resident, pages that several processes share divided among them
	RSS int64 // resident, shared pages counted in full
}

// Memory returns what the group occupies now.
func (g Group) Memory() (sum Memory, err error) {
	err = g.add("smaps_rollup", map[string]*int64{"Pss": &sum.Pss, "Rss": &sum.RSS})
	return sum, err
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
	fields, err := readFields(bytes.NewReader(text), "meminfo", []string{"Slab"})
	s.Slab = fields["Slab"]
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

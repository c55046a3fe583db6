package soak

import (
	"bufio"
	"bytes"
	"strconv"
	"time"
)

// frame is a block of an event stream that has an ID, data or a retry time.
type frame struct {
	event, id string
	data      []byte
	retry     time.Duration
}

// readFrame reads the next frame. Lines longer than the buffer of r are an error: the
// documents of a soak are short.
func readFrame(r *bufio.Reader) (f frame, err error) {
	some := false
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return frame{}, err
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) == 0 {
			if some {
				return f, nil
			}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			f.event = string(value)
		case "id":
			f.id, some = string(value), true
		case "data":
			f.data, some = bytes.Clone(value), true
		case "retry":
			if ms, err := strconv.Atoi(string(value)); err == nil {
				f.retry, some = time.Duration(ms)*time.Millisecond, true
			}
		}
	}
}

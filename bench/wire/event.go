package wire

import (
	"bytes"
	"errors"
)

// ErrEvent is returned for an event that is larger than any that was sent.
var ErrEvent = errors.New("wire: event without end")

const maxEvent = 4 << 20

// Events cuts a text/event-stream into the data of its events. Lines end in LF or
// CR LF. The zero value is at the start of a stream.
type Events struct {
	pending []byte
}

// Feed takes the next bytes and calls found for the data of each event that ends
// in them. Comments, and events that bear a name and so would not reach
// onmessage, are passed over. The data is valid during the call.
func (e *Events) Feed(b []byte, found func(data []byte)) error {
	e.pending = append(e.pending, b...)
	var start int
	for at := 0; ; {
		i := bytes.IndexByte(e.pending[at:], '\n')
		if i < 0 {
			break
		}
		line := e.pending[at : at+i]
		at += i + 1
		if len(bytes.TrimSuffix(line, []byte("\r"))) == 0 {
			if data, ok := dataOf(e.pending[start:at]); ok {
				found(data)
			}
			start = at
		}
	}
	e.pending = append(e.pending[:0], e.pending[start:]...)
	if len(e.pending) > maxEvent {
		return ErrEvent
	}
	return nil
}

// dataOf returns the data of one event, whose lines are given.
func dataOf(event []byte) (data []byte, ok bool) {
	for line := range bytes.Lines(event) {
		line = bytes.TrimRight(line, "\r\n")
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if ok {
				data = append(data, '\n')
			}
			data, ok = append(data, value...), true
		case "event":
			if len(value) > 0 && string(value) != "message" {
				return nil, false
			}
		}
	}
	return data, ok
}

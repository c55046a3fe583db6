package wire

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// ErrHead is returned for what is not the head of an HTTP/1.1 answer.
var ErrHead = errors.New("wire: broken answer")

// maxHead is more than any server under test has to say.
const maxHead = 16 << 10

// Head is what matters of the head of an answer.
type Head struct {
	Status  int
	Chunked bool // Transfer-Encoding: chunked
	Gzip    bool // Content-Encoding: gzip
	Events  bool // Content-Type: text/event-stream
}

// ParseHead reads the head of an answer at the start of b. It returns how long
// the head is, or 0 as long as b does not hold all of it.
func ParseHead(b []byte) (h Head, n int, err error) {
	n = bytes.Index(b, []byte("\r\n\r\n"))
	if n < 0 {
		if len(b) > maxHead {
			return h, 0, ErrHead
		}
		return h, 0, nil
	}
	lines := strings.Split(string(b[:n]), "\r\n")
	version, rest, _ := strings.Cut(lines[0], " ")
	code, _, _ := strings.Cut(rest, " ")
	h.Status, err = strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(version, "HTTP/1.") {
		return h, 0, ErrHead
	}
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		if !found {
			return h, 0, ErrHead
		}
		value = strings.ToLower(strings.TrimSpace(value))
		switch strings.ToLower(name) {
		case "transfer-encoding":
			h.Chunked = value == "chunked"
		case "content-encoding":
			h.Gzip = value == "gzip"
		case "content-type":
			h.Events = strings.HasPrefix(value, "text/event-stream")
		}
	}
	return h, n + len("\r\n\r\n"), nil
}

package sse

import (
	"bytes"
	"errors"
	"io"
	"math"
	"time"
	"unicode/utf8"
)

// DefaultMaxBytes is the default of DecoderOptions.MaxBytes: 16 MiB.
const DefaultMaxBytes = 16 << 20

// ErrTooLarge is returned by Decoder.Next when a line, or the data of an event,
// exceeds the limit of the Decoder. The stream cannot be read any further; the
// last event ID and the retry time remain those of what came before.
var ErrTooLarge = errors.New("sse: line or event exceeds the limit")

const (
	// readSize is the size of the buffer into which the stream is read. Only a line
	// that crosses its end is copied; others are parsed in place.
	readSize = 4 << 10

	// keptSize is the size of the largest buffer that is kept for the next event.
	keptSize = 64 << 10

	// maxEmptyReads is how often in a row a reader may return neither bytes nor
	// an error before Next gives up with io.ErrNoProgress, as in package bufio.
	maxEmptyReads = 100

	// maxRetry is the longest retry time in whole milliseconds that a
	// time.Duration holds, some 292 years.
	maxRetry = math.MaxInt64 / int64(time.Millisecond)
)

var byteOrderMark = []byte("\xEF\xBB\xBF")

// DecoderOptions are the settings of a Decoder. The zero value gives the
// defaults.
type DecoderOptions struct {
	// MaxBytes limits, in bytes as they are on the wire, one line without its
	// line end, and the data of one event with the LF between its lines. A line
	// or an event of exactly MaxBytes is accepted. Zero or less means
	// DefaultMaxBytes.
	MaxBytes int
}

// Decoder reads the events of one stream, as HTML 9.2.5 and 9.2.6 define them.
// It must be made by NewDecoder or NewDecoderWithOptions, and its methods must
// not be called from two goroutines at once.
type Decoder struct {
	r     io.Reader
	limit int
	err   error // what ended the stream; returned once rest is used up

	buf  []byte // readSize bytes
	rest []byte // the part of buf that has not been parsed yet
	line []byte // the beginning of a line that crosses the end of a read

	started bool // the first line was read, so a byte order mark cannot come any more
	afterCR bool // the last line ended with CR; an LF after it belongs to that line

	// The buffers of HTML 9.2.6. Data holds raw bytes: since no ill-formed UTF-8
	// sequence reaches across an ASCII byte, decoding each value by itself gives
	// what decoding the stream first would give.
	data []byte // the data lines, each followed by LF
	name string
	id   string

	lastID   string
	retry    time.Duration
	hasRetry bool
}

// NewDecoder returns a Decoder that reads from r, with the default limit of
// DefaultMaxBytes. It reads nothing before the first call of Next.
func NewDecoder(r io.Reader) *Decoder {
	return NewDecoderWithOptions(r, nil)
}

// NewDecoderWithOptions is NewDecoder with options, which may be nil and are not kept.
func NewDecoderWithOptions(r io.Reader, options *DecoderOptions) *Decoder {
	d := &Decoder{r: r, limit: DefaultMaxBytes, buf: make([]byte, readSize)}
	if options != nil && options.MaxBytes > 0 {
		d.limit = options.MaxBytes
	}
	return d
}

// Next returns the next event of the stream. It does not call Read after the blank line
// of that event has arrived, so on a live stream it returns as soon as the event is
// complete.
//
// Events without a data line are not dispatched and not returned (HTML 9.2.6). At
// the end of the stream Next returns io.EOF, and drops an event whose blank line
// is missing. Any other error of the reader is returned as it is, and ErrTooLarge
// when the limit is exceeded. Once Next has returned an error it returns the same
// one for ever.
func (d *Decoder) Next() (Event, error) {
	for {
		for len(d.rest) > 0 {
			e, ok, err := d.step()
			if err != nil {
				d.rest, d.line, d.data, d.err = nil, nil, nil, err
				return Event{}, err
			}
			if ok {
				return e, nil
			}
		}
		if d.err != nil {
			return Event{}, d.err
		}
		d.fill()
	}
}

// LastEventID returns the last event ID string of HTML 9.2: the Last-Event-ID that a
// client would send if it reconnected now. The blank line at the end of a block sets
// it, even without data. An id line has no effect before that.
func (d *Decoder) LastEventID() string {
	return d.lastID
}

// Retry returns the newest reconnection time that the stream has set, and whether it
// has set one. A retry line takes effect as soon as it is read, before its event is
// complete. It is ignored if it is empty, has anything but ASCII digits, or is more
// milliseconds than a Duration can hold.
func (d *Decoder) Retry() (time.Duration, bool) {
	return d.retry, d.hasRetry
}

// fill reads once from the reader, into rest and err. It does not read again to fill
// the buffer, because on a live stream that would delay an event until the next one.
func (d *Decoder) fill() {
	for range maxEmptyReads {
		n, err := d.r.Read(d.buf)
		if n > 0 || err != nil {
			d.rest, d.err = d.buf[:n], err
			return
		}
	}
	d.err = io.ErrNoProgress
}

// step consumes bytes of rest, up to the end of a line or of rest, and returns the
// event if one was dispatched.
func (d *Decoder) step() (e Event, ok bool, err error) {
	if d.afterCR {
		// The CR has ended the line already. An LF after it is skipped when it
		// arrives.
		d.afterCR = false
		if d.rest[0] == '\n' {
			d.rest = d.rest[1:]
			return Event{}, false, nil
		}
	}
	end := lineEnd(d.rest)
	part := d.rest
	if end >= 0 {
		part = d.rest[:end]
	}
	if len(part) > d.limit-len(d.line) {
		return Event{}, false, ErrTooLarge
	}
	if end < 0 {
		d.line = append(d.line, part...)
		d.rest = nil
		return Event{}, false, nil
	}
	d.afterCR = d.rest[end] == '\r'
	d.rest = d.rest[end+1:]

	line := part
	if len(d.line) > 0 {
		d.line = append(d.line, part...)
		line = d.line
		d.line = emptied(d.line)
	}
	if !d.started {
		// A byte order mark contains no line end, so the first complete line has all
		// of it, however many reads it took.
		d.started = true
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	if len(line) == 0 {
		e, ok = d.dispatch()
		return e, ok, nil
	}
	return Event{}, false, d.field(line)
}

// dispatch does what HTML 9.2.6 says for a blank line. It checks for empty data before
// it removes the last LF: a block with one empty data line is an event, a block without
// data lines is not.
func (d *Decoder) dispatch() (Event, bool) {
	d.lastID = d.id
	name := d.name
	d.name = ""
	if len(d.data) == 0 {
		return Event{}, false
	}
	raw := d.data[:len(d.data)-1]
	data := appendUTF8(make([]byte, 0, len(raw)), raw)
	d.data = emptied(d.data)
	return Event{ID: d.lastID, Name: name, Data: data}, true
}

// emptied returns a buffer for the next event in place of one that was used. A stream may go on
// for weeks after a large event.
func emptied(buf []byte) []byte {
	if cap(buf) > keptSize {
		return nil
	}
	return buf[:0]
}

// field processes one line that is not blank (HTML 9.2.6).
func (d *Decoder) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte{':'})
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "data":
		// The LF after value does not count: it is removed if this is the last line.
		if len(value) > d.limit-len(d.data) {
			return ErrTooLarge
		}
		d.data = append(d.data, value...)
		d.data = append(d.data, '\n')
	case "event":
		d.name = decodeString(value)
		if d.name == "message" {
			d.name = ""
		}
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			d.id = decodeString(value)
		}
	case "retry":
		if ms, ok := parseRetry(value); ok {
			d.retry = time.Duration(ms) * time.Millisecond
			d.hasRetry = true
		}
	}
	// Everything else is ignored: comments, whose name is empty, and unknown fields.
	return nil
}

// parseRetry returns the milliseconds of a retry value. A number above maxRetry is
// ignored, as in Chromium, because no server means a wait of centuries.
func parseRetry(value []byte) (ms int64, ok bool) {
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		ms = ms*10 + int64(c-'0')
		if ms > maxRetry {
			return 0, false // and ms*10 cannot overflow: maxRetry is below 2^44
		}
	}
	return ms, len(value) > 0
}

// decodeString returns value as a string of valid UTF-8.
func decodeString(value []byte) string {
	if utf8.Valid(value) {
		return string(value) // one allocation, not two
	}
	return string(appendUTF8(nil, value))
}

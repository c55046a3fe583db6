package fanout_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// framed is a connection of HTTP/2 that looks like one of HTTP/1.1, so that the tests of the
// other writers run on it: the first request that is written to it becomes a stream, and the
// answer is read from it as a chunked body, without the last chunk if the stream was reset.
// Whatever else is written is dropped. The windows are those that a connection begins with,
// and they open again by what was read.
type framed struct {
	socket

	mu     sync.Mutex // guards what is written
	begun  bool
	asked  bool
	text   []byte // of a request that is not whole
	frames *http2.Framer

	settled bool // the server knows the settings

	answer []byte // that was not read yet
	data   uint32 // bytes of the present frame that were not read yet
	taken  uint32 // bytes of data for which no window was given back yet
	last   bool   // the present frame is the last one of the stream
	ended  error  // after the answer
}

const (
	onlyStream = 1

	// giveBack is how many bytes of data a client reads before it opens its windows by as
	// many. The windows are 64 kB.
	giveBack = 4 << 10
)

func newFramed(conn socket) *framed {
	return &framed{socket: conn, frames: http2.NewFramer(conn, nil)}
}

func (f *framed) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.begun {
		f.begun = true
		if _, err := io.WriteString(f.socket, http2.ClientPreface); err != nil {
			return 0, err
		}
		if err := f.frames.WriteSettings(); err != nil {
			return 0, err
		}
	}
	f.text = append(f.text, p...)
	if f.asked || !bytes.Contains(f.text, []byte("\r\n\r\n")) {
		return len(p), nil
	}
	f.asked = true
	return len(p), f.ask()
}

// ask sends the request.
func (f *framed) ask() error {
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(f.text)))
	if err != nil {
		return err
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	write := func(name, value string) {
		err = errors.Join(err, encoder.WriteField(hpack.HeaderField{Name: name, Value: value}))
	}
	write(":method", request.Method)
	write(":scheme", "https")
	write(":authority", request.Host)
	write(":path", request.RequestURI)
	request.Header.Del("Connection") // means nothing here
	for name, values := range request.Header {
		for _, value := range values {
			write(strings.ToLower(name), value)
		}
	}
	return errors.Join(err, f.frames.WriteHeaders(http2.HeadersFrameParam{
		StreamID: onlyStream, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true,
	}))
}

func (f *framed) Read(p []byte) (int, error) {
	for {
		switch {
		case len(f.answer) > 0:
			n := copy(p, f.answer)
			f.answer = f.answer[n:]
			return n, nil
		case f.ended != nil:
			return 0, f.ended
		case f.data > 0:
			if err := f.chunk(len(p)); err != nil {
				return 0, err
			}
		default:
			if err := f.frame(); err != nil {
				return 0, err
			}
		}
	}
}

// chunk reads some of the data of the present frame. A reader that is slow takes no more from
// its socket than it asks for.
func (f *framed) chunk(most int) error {
	buf := make([]byte, min(max(most, 1), int(f.data)))
	n, err := f.socket.Read(buf)
	if err != nil {
		return err
	}
	f.answer = fmt.Appendf(f.answer, "%x\r\n%s\r\n", n, buf[:n])
	f.data -= uint32(n)
	f.taken += uint32(n)
	if f.data == 0 && f.last {
		f.end(io.EOF)
	}
	if f.taken < giveBack {
		return nil
	}
	taken := f.taken
	f.taken = 0
	return f.reply(func() error {
		return errors.Join(f.frames.WriteWindowUpdate(0, taken), f.frames.WriteWindowUpdate(onlyStream, taken))
	})
}

// end notes how the stream ends: with the last chunk, or without.
func (f *framed) end(err error) {
	if f.ended = err; errors.Is(err, io.EOF) {
		f.answer = append(f.answer, "0\r\n\r\n"...)
	}
}

// frame reads the next frame, of data only its head.
func (f *framed) frame() error {
	head, err := http2.ReadFrameHeader(f.socket)
	if err != nil {
		return err
	}
	f.last = head.StreamID == onlyStream && head.Flags.Has(http2.FlagDataEndStream) // the same as of headers
	if head.Type == http2.FrameData {
		if f.data = head.Length; f.data == 0 && f.last {
			f.end(io.EOF)
		}
		return nil
	}
	payload := make([]byte, head.Length)
	if _, err := io.ReadFull(f.socket, payload); err != nil {
		return err
	}
	switch head.Type {
	case http2.FrameHeaders:
		return f.head(payload)
	case http2.FrameRSTStream:
		f.end(io.ErrUnexpectedEOF)
	case http2.FrameSettings:
		if !head.Flags.Has(http2.FlagSettingsAck) {
			return f.reply(f.frames.WriteSettingsAck)
		}
		f.settled = true
	case http2.FramePing:
		if !head.Flags.Has(http2.FlagPingAck) {
			return f.reply(func() error { return f.frames.WritePing(true, [8]byte(payload)) })
		}
	default:
	}
	return nil
}

// head makes of the headers of the answer a head of HTTP/1.1.
func (f *framed) head(block []byte) error {
	fields, err := hpack.NewDecoder(4<<10, nil).DecodeFull(block)
	if err != nil {
		return err
	}
	text := "Transfer-Encoding: chunked\r\n"
	for _, field := range fields {
		switch field.Name {
		case ":status":
			text = "HTTP/1.1 " + field.Value + " \r\n" + text
		case "content-length":
		default:
			text += field.Name + ": " + field.Value + "\r\n"
		}
	}
	if f.answer = append(f.answer, text+"\r\n"...); f.last {
		f.end(io.EOF)
	}
	return nil
}

func (f *framed) reply(write func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return write()
}

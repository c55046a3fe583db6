package secure

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"golang.org/x/sys/unix"
)

// Protocol is how clients speak with a server.
type Protocol struct {
	TLS     bool `json:"tls"`
	HTTP2   bool `json:"http2"`
	Streams int  `json:"streams"` // on each connection; 1 without HTTP/2
	Gzip    bool `json:"gzip"`
}

func (p Protocol) String() string {
	name := "HTTP/1.1"
	if p.HTTP2 {
		name = "HTTP/2"
	}
	if p.TLS {
		name += ", TLS"
	}
	if p.Streams > 1 {
		name += fmt.Sprintf(", %d streams a connection", p.Streams)
	}
	if p.Gzip {
		name += ", gzip"
	}
	return name
}

// mark is in each document once. Its first byte is in it once.
const mark = "#mark@"

// request is what clients ask for.
type request struct {
	address, path, lastEventID string
	Protocol
	config *tls.Config
	stalls bool          // read nothing after the head of the answer
	events *atomic.Int64 // that have arrived
	broken *breaks
}

// breaks are connections that ended before they were closed.
type breaks struct {
	count atomic.Int64
	first atomic.Pointer[error]
}

// note notes why a connection is read no longer.
func (b *breaks) note(err error) {
	if !errors.Is(err, net.ErrClosed) {
		b.count.Add(1)
		b.first.CompareAndSwap(nil, &err)
	}
}

func (b *breaks) String() string {
	if err := b.first.Load(); err != nil {
		return fmt.Sprintf("%d connections have ended, the first because of %v", b.count.Load(), *err)
	}
	return "all connections are open"
}

// open makes one connection and asks for its streams, of which there are count. It returns when
// the head of each answer is there, and reads on until the connection is closed, which done is
// told.
func (r *request) open(ctx context.Context, count int, done func()) (conn net.Conn, resumed bool, err error) {
	dialer := new(net.Dialer)
	if r.stalls {
		dialer.Control = smallWindow
	}
	conn, err = dialer.DialContext(ctx, "tcp", r.address)
	if err != nil {
		return nil, false, err
	}
	if r.TLS {
		secure := tls.Client(conn, r.config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, false, errors.Join(err, conn.Close())
		}
		if got := secure.ConnectionState().NegotiatedProtocol; r.HTTP2 && got != "h2" {
			return nil, false, errors.Join(fmt.Errorf("secure: the server speaks %q", got), conn.Close())
		}
		conn, resumed = secure, secure.ConnectionState().DidResume
	}
	begin := r.begin1
	if r.HTTP2 {
		begin = r.begin2
	}
	read, err := begin(conn, count)
	if err != nil {
		return nil, false, errors.Join(err, conn.Close())
	}
	if r.stalls {
		done()
		return conn, resumed, nil
	}
	go func() {
		defer done()
		r.broken.note(read())
	}()
	return conn, resumed, nil
}

// smallWindow sets the receive buffer of a client that reads nothing. The kernel would hide
// otherwise that it does.
func smallWindow(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, stallWindow)
	})
	return errors.Join(err, failed)
}

// begin1 asks with HTTP/1.1.
func (r *request) begin1(conn net.Conn, _ int) (read func() error, err error) {
	lines := "GET " + r.path + " HTTP/1.1\r\nHost: " + r.address + "\r\nAccept: text/event-stream\r\n"
	if r.Gzip {
		lines += "Accept-Encoding: gzip\r\n"
	}
	if r.lastEventID != "" {
		lines += "Last-Event-ID: " + r.lastEventID + "\r\n"
	}
	if _, err := io.WriteString(conn, lines+"\r\n"); err != nil {
		return nil, err
	}
	buf := make([]byte, 2048)
	n := 0
	for !bytes.Contains(buf[:n], []byte("\r\n\r\n")) {
		m, err := conn.Read(buf[n:])
		if n += m; err != nil || m == 0 {
			return nil, errors.Join(fmt.Errorf("secure: the head is not whole: %.200q", buf[:n]), err)
		}
	}
	if !bytes.HasPrefix(buf, []byte("HTTP/1.1 200")) {
		return nil, fmt.Errorf("secure: %q", buf[:n])
	}
	_, rest, _ := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
	if r.Gzip {
		return func() error { return r.readChunks(io.MultiReader(strings.NewReader(string(rest)), conn)) }, nil
	}
	return func() error {
		var f finder
		f.find(rest)
		for {
			m, err := conn.Read(buf)
			r.events.Add(f.find(buf[:m]))
			if err != nil {
				return err
			}
		}
	}, nil
}

// readChunks counts the chunks of a compressed answer: each is one event, or a few bytes.
func (r *request) readChunks(from io.Reader) error {
	in := bufio.NewReaderSize(from, 512)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		size := 0
		if _, err := fmt.Sscanf(line, "%x", &size); err != nil || size == 0 {
			return fmt.Errorf("secure: the stream has ended with %q", line)
		}
		if _, err := in.Discard(size + 2); err != nil {
			return err
		}
		r.count(size)
	}
}

// count counts a compressed piece, unless it is too small for an event.
func (r *request) count(size int) {
	const heartbeat = 5 // a flush of nothing
	if size > heartbeat {
		r.events.Add(1)
	}
}

// begin2 asks with HTTP/2.
func (r *request) begin2(conn net.Conn, count int) (read func() error, err error) {
	const window = 1 << 30
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	frames := http2.NewFramer(&out, bufio.NewReaderSize(conn, 512))
	frames.SetReuseFrames()
	err = errors.Join(
		frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}, http2.Setting{ID: http2.SettingEnablePush}),
		frames.WriteWindowUpdate(0, window))
	for i := range count {
		var block bytes.Buffer
		encoder := hpack.NewEncoder(&block)
		encoder.SetMaxDynamicTableSize(0)
		fields := [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", r.address}, {":path", r.path}, {"accept", "text/event-stream"}}
		if r.Gzip {
			fields = append(fields, [2]string{"accept-encoding", "gzip"})
		}
		if r.lastEventID != "" {
			fields = append(fields, [2]string{"last-event-id", r.lastEventID})
		}
		for _, f := range fields {
			err = errors.Join(err, encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
		}
		err = errors.Join(err, frames.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
	}
	finders := make(map[uint32]*finder, count)
	// step reads one frame.
	step := func() (head bool, err error) {
		frame, err := frames.ReadFrame()
		if err != nil {
			return false, err
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				err = frames.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				err = frames.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			head = true
			if f.StreamEnded() {
				err = errors.New("secure: the answer has no stream")
			}
		case *http2.DataFrame:
			if r.Gzip {
				r.count(len(f.Data()))
				break
			}
			one := finders[f.StreamID]
			if one == nil {
				one = new(finder)
				finders[f.StreamID] = one
			}
			r.events.Add(one.find(f.Data()))
		case *http2.GoAwayFrame, *http2.RSTStreamFrame:
			err = fmt.Errorf("secure: %v", frame)
		}
		if err == nil && out.Len() > 0 {
			_, err = out.WriteTo(conn)
		}
		return head, err
	}
	if err != nil {
		return nil, err
	}
	if _, err := out.WriteTo(conn); err != nil {
		return nil, err
	}
	for heads := 0; heads < count; {
		head, err := step()
		if err != nil {
			return nil, err
		}
		if head {
			heads++
		}
	}
	return func() error {
		for {
			if _, err := step(); err != nil {
				return err
			}
		}
	}, nil
}

// finder finds marks in a stream of bytes, even those that are cut.
type finder struct{ have int }

func (f *finder) find(b []byte) (n int64) {
	if f.have == 0 && len(b) > 0 {
		n = int64(bytes.Count(b, []byte(mark)))
		b = b[max(0, len(b)-len(mark)+1):]
		if i := bytes.LastIndexByte(b, mark[0]); i >= 0 {
			b = b[i:]
		} else {
			b = nil
		}
		// What is left may be the beginning of a mark.
		if strings.HasPrefix(mark, string(b)) {
			f.have = len(b)
		}
		return n
	}
	for len(b) > 0 && f.have > 0 {
		if b[0] != mark[f.have] {
			f.have = 0
			break
		}
		b = b[1:]
		if f.have++; f.have == len(mark) {
			f.have = 0
			n++
		}
	}
	if len(b) > 0 {
		n += f.find(b)
	}
	return n
}

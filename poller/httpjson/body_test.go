package httpjson

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/poller"
)

// answering is a transport that gives each request the same answer.
type answering struct {
	encoding string
	body     io.Reader
}

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	header := http.Header{"Content-Encoding": {a.encoding}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(a.body), ContentLength: -1, Request: r}, nil
}

// repeated is a text without end, which counts the bytes that were read.
type repeated struct {
	text []byte
	read int
}

func (r *repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[(r.read+i)%len(r.text)]
	}
	r.read += len(p)
	return len(p), nil
}

// At most 64 KiB more of a compressed body are read than its limit, even if it unpacks
// to nothing.
func TestPackedBodyIsBounded(t *testing.T) {
	var nothing bytes.Buffer
	if err := gzip.NewWriter(&nothing).Close(); err != nil {
		t.Fatal(err)
	}
	const limit = 10_000
	body := &repeated{text: nothing.Bytes()}
	s, err := New(Options{URL: "http://a.example", MaxBody: limit, Transport: answering{"gzip", body}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(t.Context(), poller.Version{}); classOf(err) != "too_large" {
		t.Errorf("%v, want class too_large", err)
	}
	if body.read > limit+64<<10 {
		t.Errorf("%d bytes were read", body.read)
	}
}

// asked records the largest read.
type asked struct {
	io.Reader
	most int
}

func (a *asked) Read(p []byte) (int, error) {
	a.most = max(a.most, len(p))
	return a.Reader.Read(p)
}

// The buffer for a body of unknown size grows a little at a time.
func TestRoomForABody(t *testing.T) {
	const size, limit = 3 << 20, 64 << 20
	body := &asked{Reader: strings.NewReader(strings.Repeat("x", size))}
	if text, err := readAll(body, 0, limit); err != nil || len(text) != size {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	if body.most > 256<<10 {
		t.Errorf("room for %d bytes was made at once", body.most)
	}
}

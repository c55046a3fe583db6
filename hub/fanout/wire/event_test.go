package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
)

func TestFrames(t *testing.T) {
	id, _ := hub.NewID("e", 7)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	for _, test := range []struct {
		name    string
		message hub.Message
		plain   string
		named   string
	}{
		{
			"document", hub.Message{Stream: "a", Data: []byte(`{"x":1}`)},
			"id: e-7\ndata: {\"x\":1}\n\n", "id: e-7\nevent: a\ndata: {\"x\":1}\n\n",
		},
		{
			"lines", hub.Message{Data: []byte("a\rb\r\nc\nd")},
			"id: e-7\ndata: a\ndata: b\ndata: c\ndata: d\n\n",
			"id: e-7\nevent: default\ndata: a\ndata: b\ndata: c\ndata: d\n\n",
		},
		{
			"status", hub.Message{Stream: "a", Status: &hub.Status{State: hub.Down, Since: at, Error: "http_503"}},
			"event: status\ndata: {\"stream\":\"a\",\"state\":\"down\",\"since\":\"2026-01-02T02:04:05.678Z\",\"lastSuccess\":null,\"error\":\"http_503\"}\n\n",
			"event: status\ndata: {\"stream\":\"a\",\"state\":\"down\",\"since\":\"2026-01-02T02:04:05.678Z\",\"lastSuccess\":null,\"error\":\"http_503\"}\n\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := hub.NewEvent(id, at, test.message)
			if err != nil {
				t.Fatal(err)
			}
			for chunked, want := range map[bool]string{false: test.plain, true: fmt.Sprintf("%x\r\n%s\r\n", len(test.plain), test.plain)} {
				if diff := cmp.Diff(want, string(Plain(e, chunked))); diff != "" {
					t.Errorf("plain, chunked %t: %s", chunked, diff)
				}
			}
			for chunked, want := range map[bool]string{false: test.named, true: fmt.Sprintf("%x\r\n%s\r\n", len(test.named), test.named)} {
				head, tail := Named(e, chunked)
				if diff := cmp.Diff(want, string(head)+string(tail)); diff != "" {
					t.Errorf("named, chunked %t: %s", chunked, diff)
				}
			}
		})
	}
}

// newEvent returns an event whose ID is as long as IDs can be.
func newEvent(t *testing.T, m hub.Message) *hub.Event {
	t.Helper()
	id, err := hub.NewID("abcdefghij01234567", 1<<64-1)
	if err != nil {
		t.Fatal(err)
	}
	e, err := hub.NewEvent(id, time.Now(), m)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestFramesAreEncodedOnce(t *testing.T) {
	e := newEvent(t, hub.Message{Data: []byte("1")})
	Named(e, false)
	if n := testing.AllocsPerRun(100, func() {
		for _, chunked := range []bool{false, true} {
			Plain(e, chunked)
			Named(e, chunked)
		}
	}); n != 0 {
		t.Errorf("asking again for the frames costs %v allocations", n)
	}
}

// Neither chunks nor connections with several streams may double what history takes:
// all forms share the document.
func TestFormsShareTheDocument(t *testing.T) {
	e := newEvent(t, hub.Message{Data: []byte(strings.Repeat("x", 100_000))})
	frame := e.Frame()
	if chunk := Plain(e, true); &chunk[len(chunk)-len("\n\r\n")] != &frame[len(frame)-1] {
		t.Error("the chunk has a copy of the document")
	}
	for _, chunked := range []bool{false, true} {
		whole := Plain(e, chunked)
		head, tail := Named(e, chunked)
		if len(head) > 128 || &tail[len(tail)-1] != &whole[len(whole)-1] {
			t.Errorf("the named form, chunked %t, has %d bytes of its own", chunked, len(head))
		}
	}
}

// The attachment takes no more than the hub counts for it.
func TestFramingIsSmall(t *testing.T) {
	e := newEvent(t, hub.Message{Stream: strings.Repeat("s", 64), Data: []byte("1")})
	head, _ := Named(e, true)
	if took := int(unsafe.Sizeof(framing{})) + cap(head); took > hub.AttachmentBytes {
		t.Errorf("what is attached to an event takes %d bytes", took)
	}
}

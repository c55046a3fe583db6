package conflate

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/polluxhub/pollux/hub"
)

// counter is a Publisher that counts.
type counter struct {
	published int
	last      map[string]string
	err       error
}

func (c *counter) Publish(_ context.Context, m hub.Message) (hub.ID, error) {
	if c.err != nil {
		return hub.ID{}, c.err
	}
	c.published++
	if c.last != nil {
		c.last[m.Stream] = string(m.Data)
	}
	return hub.NewID("e", uint64(c.published))
}

func always(gap time.Duration) func(string) time.Duration {
	return func(string) time.Duration { return gap }
}

// Documents for which there is no room do not wait.
func TestWaitingBytesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &counter{}
		c := New(Options{Publisher: p, Gap: always(time.Second)})
		give := func(stream string, data []byte, waits bool) {
			t.Helper()
			if id, err := c.Publish(t.Context(), hub.Message{Stream: stream, Data: data}); err != nil || id.IsZero() != waits {
				t.Errorf("%s, %d bytes: %v, %v, want waits %v", stream, len(data), id, err, waits)
			}
		}
		text := slices.Repeat([]byte("1"), 1<<20) // all share it
		const most = 64
		for i := range most {
			give(fmt.Sprint(i), text[:1], false)
			give(fmt.Sprint(i), text[:len(text)-overhead], true)
		}
		if c.bytes != 64<<20 {
			t.Errorf("%d bytes wait", c.bytes)
		}
		give("0", text[:len(text)-overhead], true) // takes the room of the one before
		give("0", text[:len(text)-overhead+1], false)
		if got := c.replaced["0"]; got != 2 || c.bytes != 63<<20 {
			t.Errorf("%d replaced, %d bytes wait", got, c.bytes)
		}
		give("0", text[:len(text)-overhead], true)
		give("x", text[:1], false)
		give("x", text[:1], false) // there is no room for a single byte
		if p.published != most+3 {
			t.Errorf("%d published", p.published)
		}
		// A document that fails gives its room back to the one before.
		p.err = context.Canceled
		if _, err := c.Publish(t.Context(), hub.Message{Stream: "0", Data: text}); err == nil || c.bytes != 64<<20 {
			t.Errorf("%v, %d bytes wait", err, c.bytes)
		}
		p.err = nil
		if err := c.Flush(t.Context()); err != nil || c.bytes != 0 || p.published != 2*most+3 {
			t.Errorf("%v, %d bytes wait, %d published", err, c.bytes, p.published)
		}
	})
}

// What a stream or key takes is given back when its gap is over.
func TestStreamsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &counter{last: make(map[string]string)}
		c := New(Options{Publisher: p, Gap: always(time.Second)})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		const keys = 10_000
		for i := range keys {
			for j := range 1 + i%3 {
				if _, err := c.Publish(ctx, hub.Message{Stream: fmt.Sprintf("user/%d", i), Data: []byte{'0' + byte(j)}}); err != nil {
					t.Fatal(err)
				}
			}
			if i%100 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		c.mu.Lock()
		if len(c.slots) != keys {
			t.Errorf("%d slots", len(c.slots))
		}
		c.mu.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(c.slots) != 0 || cap(c.queue) != 0 || c.bytes != 0 || len(c.replaced) != 1 {
			t.Errorf("%d slots, room for %d, %d bytes, %d counts are left", len(c.slots), cap(c.queue), c.bytes, len(c.replaced))
		}
		for i := range keys {
			if got := p.last[fmt.Sprintf("user/%d", i)]; got != fmt.Sprint(i%3) {
				t.Fatalf("the newest of key %d is %s", i, got)
			}
		}

		// A document that is refused leaves nothing at all.
		p.err = hub.ErrUnknownStream
		if _, err := c.Publish(ctx, hub.Message{Stream: "nobody", Data: []byte("1")}); err == nil || len(c.slots) != 0 {
			t.Errorf("%v, %d slots", err, len(c.slots))
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestOverhead(t *testing.T) {
	const name, once, entry = 64 + 1 + 128, 64, 64 // the longest name, a name of a publication, and what maps and the heap take for a slot
	if size := unsafe.Sizeof(slot{}) + unsafe.Sizeof(hub.Message{}) + name + once + entry; size > overhead {
		t.Errorf("a document that waits takes %d bytes beside its text", size)
	}
}

package fanout

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/wire"
)

// A piece counts once, in its whole size, for all who hold any part of it, and small
// pieces do not count.
func TestHeldPiecesCountOnce(t *testing.T) {
	h := &holdings{limit: 1}
	piece := make([]byte, 100_000)
	a, b := new(Client), new(Client)
	h.hold(a, [][]byte{piece[30_000:], make([]byte, minHeld-1)}, 30_000, true)
	h.hold(b, [][]byte{piece[50_000:]}, 50_000, true)
	h.hold(b, [][]byte{piece[99_000:]}, 0, true) // amid a portion
	for _, step := range []struct {
		release *Client
		want    int64
	}{{nil, 100_000}, {a, 100_000}, {b, 0}} {
		if step.release != nil {
			h.release(step.release)
		}
		if got := h.bytes.Load(); got != step.want || (got == 0) != (len(h.pieces) == 0) {
			t.Errorf("%d bytes in %d pieces, want %d", got, len(h.pieces), step.want)
		}
	}
	if len(h.clients) != 0 {
		t.Errorf("%d clients hold something", len(h.clients))
	}
}

// The backlog of a client counts with what it is being sent.
func TestBacklogsCount(t *testing.T) {
	id, err := hub.ParseID("e-1")
	if err != nil {
		t.Fatal(err)
	}
	e, err := hub.NewEvent(id, time.Now(), hub.Message{Data: make([]byte, 50_000)})
	if err != nil {
		t.Fatal(err)
	}
	for _, chunked := range []bool{false, true} {
		h, c := &holdings{limit: 1}, &Client{backlog: few[*hub.Event]{&[]*hub.Event{e, e}}}
		piece := wire.Plain(e, chunked)
		h.hold(c, [][]byte{piece[100:]}, 100, chunked)
		if got := h.bytes.Load(); got != int64(len(piece)) {
			t.Errorf("%d bytes, want those of one event", got)
		}
	}
}

// Who took a large portion within two seconds never waits; who took any more slowly
// waits at half of the limit, and who is not known at all of it.
func TestRoomByPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 1000_000
		for _, test := range []struct {
			size  int
			after time.Duration
			want  pace
		}{
			{largeHeld, 2*time.Second - 1, prompt},
			{largeHeld - 1, 2*time.Second - 1, unknown},
			{largeHeld, 2 * time.Second, late},
			{0, 2 * time.Second, late},
		} {
			h, c := &holdings{limit: limit}, new(Client)
			h.hold(c, [][]byte{make([]byte, test.size)}, 0, true)
			if c.pace != holds {
				t.Errorf("pace %d while it holds something", c.pace)
			}
			time.Sleep(test.after)
			if h.release(c); c.pace != test.want {
				t.Errorf("%d bytes in %v: pace %d, want %d", test.size, test.after, c.pace, test.want)
			}
		}
		for _, test := range []struct {
			bytes int64
			want  map[pace]bool
		}{
			{limit / 2, map[pace]bool{unknown: true, late: true, prompt: true}},
			{limit/2 + 1, map[pace]bool{unknown: true, late: false, prompt: true}},
			{limit, map[pace]bool{unknown: true, late: false, prompt: true}},
			{limit + 1, map[pace]bool{unknown: false, late: false, prompt: true}},
		} {
			h := &holdings{limit: limit}
			h.bytes.Store(test.bytes)
			for pace, want := range test.want {
				if got := h.hasRoom(pace); got != want {
					t.Errorf("at %d of %d bytes there is room for pace %d: %v, want %v", test.bytes, limit, pace, got, want)
				}
			}
		}
	})
}

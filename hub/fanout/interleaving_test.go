package fanout_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// FuzzInterleavings has a few clients of writers that own their connections join,
// read, stop reading and leave in any order, while events of very different sizes
// go out. Each byte of the input is one step. A client that reads gets every event since
// it joined, in order and whole.
func FuzzInterleavings(f *testing.F) {
	f.Add([]byte("join, publish, read: \x00\x02\x0a\x12\x00\x03\x0b\x01\x01\x01\x03\x13"))
	f.Add([]byte{2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 7, 7, 7})
	f.Add([]byte{2, 10, 18, 26, 0, 4, 2, 0, 13, 10, 1, 22, 0, 3, 11, 19, 27, 6, 0})
	f.Add([]byte{1, 2, 5, 2, 4, 2, 6, 2, 5, 0, 1, 10, 12, 10, 13, 10, 14, 10, 0, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		const most = 64
		r := newRig(t, hub.Options{Buffer: 2}, fanout.Options{}, nil, handedOver)
		var clients [4]*follower
		published := 0
		defer func() {
			for _, c := range clients {
				c.catchUp(published)
			}
		}()
		// One client only reads, so that a connection is always handed over.
		r.publish("0")
		witness := newFollower(r)
		for _, step := range steps[:min(len(steps), most)] {
			c := &clients[step>>3%4]
			switch step % 8 {
			case 0:
				published++
				r.publish(fmt.Sprint(published))
			case 1:
				published++
				r.publish(fmt.Sprint(published) + strings.Repeat(" ", 40_000))
			case 2:
				if *c == nil {
					*c = newFollower(r)
				}
			case 3:
				(*c).read(min(1, published-(*c).has()))
			case 4, 5, 6:
				(*c).leave(step % 8)
				*c = nil
			case 7:
				(*c).catchUp(published)
			}
		}
		witness.catchUp(published)
	})
}

// follower is a client that knows which event comes next. Nil is no client.
type follower struct {
	*client
	last int
}

func newFollower(r *rig) *follower {
	f := &follower{client: r.open(r.dial(), "")}
	e := f.next()
	if _, err := fmt.Sscan(string(e.Data), &f.last); err != nil {
		r.t.Fatalf("%.40q: %v", e.Data, err)
	}
	return f
}

func (f *follower) has() int {
	if f == nil {
		return 0
	}
	return f.last
}

// read reads a number of events.
func (f *follower) read(count int) {
	if f == nil {
		return
	}
	for range count {
		e := f.next()
		var got int
		if _, err := fmt.Sscan(string(e.Data), &got); err != nil || got != f.last+1 || e.Name != "" {
			f.t.Fatalf("behind %d came %s %.40q, %v", f.last, e.Name, e.Data, err)
		}
		f.last = got
	}
}

func (f *follower) catchUp(published int) {
	if f != nil {
		f.read(published - f.last)
	}
}

// leave leaves in one of several ways.
func (f *follower) leave(how byte) {
	if f == nil {
		return
	}
	conn, ok := f.conn.(socket)
	if !ok {
		f.t.Fatalf("a %T", f.conn)
	}
	switch how {
	case 4:
	case 5:
		if err := conn.SetLinger(0); err != nil {
			f.t.Fatal(err)
		}
	case 6: // a closed half: the server takes that for the end
		if err := conn.CloseWrite(); err != nil {
			f.t.Fatal(err)
		}
		for {
			if _, err := f.Next(); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err != nil {
				break
			}
		}
	}
	if err := conn.Close(); err != nil {
		f.t.Fatal(err)
	}
}

package guard_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// pool is an owner of connections with its idle ones.
type pool struct {
	mu   sync.Mutex
	idle []net.Conn
}

func (p *pool) keep(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, conn)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.idle {
		_ = conn.Close()
	}
	p.idle = nil
}

func dialOne(t *testing.T, g *guard.Guard) net.Conn {
	t.Helper()
	conn, err := g.DialContext(t.Context(), "tcp", "a:80")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Two guards share two places. Idle connections make room, whichever guard has them,
// and whenever they became idle. Connections in use do not.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answer: []string{"10.0.0.1"}}
		var first, second pool
		places := guard.NewPlaces(2)
		a := n.guard(guard.Options{Places: places, CloseIdle: first.close})
		b := n.guard(guard.Options{Places: places, CloseIdle: second.close})

		kept := dialOne(t, a)
		first.keep(kept)
		dialOne(t, b)
		used := dialOne(t, b) // the idle one of the other guard is closed for it
		if _, err := kept.Write([]byte("x")); err == nil {
			t.Error("the idle connection is open")
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if conn, err := a.DialContext(ctx, "tcp", "a:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a third: %v, %v", conn, err)
		}

		time.AfterFunc(time.Second, func() { _ = used.Close() })
		third := dialOne(t, a)
		_ = used.Close() // a second Close, which frees no second place
		time.AfterFunc(time.Second, func() { first.keep(third) })
		dialOne(t, b) // after it has become idle
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if conn, err := b.DialContext(ctx, "tcp", "a:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a third, after one was closed twice: %v, %v", conn, err)
		}
	})
}

// A dial that fails holds no place: an unknown name, a refused address, a machine that
// does not answer.
func TestPlacesOfFailures(t *testing.T) {
	n := &network{fault: func(context.Context, string) error { return errors.New("no answer") }}
	g := n.guard(guard.Options{Places: guard.NewPlaces(1), CloseIdle: func() {}})
	for range 3 {
		for _, answer := range [][]string{nil, {"169.254.1.1"}, {"10.0.0.1", "10.0.0.2"}} {
			n.answer = answer
			if conn, err := g.DialContext(t.Context(), "tcp", "a:80"); err == nil {
				t.Fatalf("%v: %v", answer, conn)
			}
		}
	}
	n.answer, n.fault = []string{"10.0.0.1"}, nil
	dialOne(t, g)
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// secret is what streams send to their own upstream and to nobody else.
const secret = "sesame"

// upstream is a server of raw TCP on loopback, because net/http is too polite to
// misbehave. It answers well until it is told to misbehave.
type upstream struct {
	t       *testing.T
	address string
	fault   fault
	brief   bool          // each connection has one request
	closing chan struct{} // closed at the end
	all     sync.WaitGroup

	mu          sync.Mutex
	listener    net.Listener
	conns       map[net.Conn]bool
	misbehaving bool
	document    func(asked int) string
	asked       int // requests
	wronged     int // of these, the ones that were not answered well
	accepted    int // connections
}

// fault is what an upstream does instead of answering well. The connection is
// closed behind it unless it says that the next request may come.
type fault func(v visit) (next bool)

// visit is one request.
type visit struct {
	net.Conn
	nth     int    // on this connection, from 1
	wronged int    // such requests so far, from 1; 0 if it is answered well
	good    string // the good answer
	closing <-chan struct{}
}

// say writes as much as the other side takes.
func (v visit) say(text string) { _, _ = io.WriteString(v.Conn, text) }

// startUpstream starts a server until the test ends. document makes the good
// document from the number of the request, from 1.
func startUpstream(t *testing.T, misbehave fault, document func(asked int) string) *upstream {
	t.Helper()
	u := &upstream{t: t, address: "127.0.0.1:0", fault: misbehave, document: document,
		closing: make(chan struct{}), conns: make(map[net.Conn]bool)}
	if misbehave == nil {
		u.address = listentest.FreeAddress(t) // nobody else gets it while the upstream is away
	}
	u.open()
	t.Cleanup(func() {
		close(u.closing)
		u.close()
		u.all.Wait()
	})
	return u
}

// open begins to listen, on the same port as before.
func (u *upstream) open() {
	u.t.Helper()
	var listener net.Listener
	eventually(u.t, "the port of an upstream is free", func() (ok bool) {
		var err error
		listener, err = net.Listen("tcp", u.address)
		return err == nil
	})
	u.mu.Lock()
	defer u.mu.Unlock()
	u.address, u.listener = listener.Addr().String(), listener
	u.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			u.mu.Lock()
			u.accepted++
			u.conns[conn] = true
			u.mu.Unlock()
			u.all.Go(func() { u.serve(conn) })
		}
	})
}

// close ends the listener and all connections.
func (u *upstream) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	_ = u.listener.Close()
	for conn := range u.conns {
		_ = conn.Close()
	}
}

func (u *upstream) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		u.mu.Lock()
		delete(u.conns, conn)
		u.mu.Unlock()
	}()
	from := bufio.NewReader(conn)
	for nth := 1; ; nth++ {
		request, err := http.ReadRequest(from)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		if request.Header.Get("X-Api-Key") != secret {
			u.t.Errorf("%s: X-Api-Key is %q", request.URL, request.Header.Get("X-Api-Key"))
		}
		v, misbehave := u.note(visit{Conn: conn, nth: nth, closing: u.closing})
		if !misbehave(v) || u.brief {
			return
		}
	}
}

// note counts a request, and returns how it is answered.
func (u *upstream) note(v visit) (visit, fault) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked++
	v.good = ok(u.document(u.asked))
	if !u.misbehaving {
		return v, answersWell
	}
	u.wronged++
	v.wronged = u.wronged
	return v, u.fault
}

// misbehave begins the fault. An upstream without one goes away.
func (u *upstream) misbehave() {
	u.mu.Lock()
	u.misbehaving = true
	u.mu.Unlock()
	if u.fault == nil {
		u.close()
	}
}

// recover ends the fault.
func (u *upstream) recover() {
	u.mu.Lock()
	u.misbehaving = false
	u.mu.Unlock()
	if u.fault == nil {
		u.open()
	}
}

// give changes the good document.
func (u *upstream) give(document func(asked int) string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.document = document
}

func (u *upstream) url() string { return "http://" + u.address + "/" }

// counted returns how many requests there were, how many of them were not
// answered well, and on how many connections they came.
func (u *upstream) counted() (asked, wronged, accepted int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asked, u.wronged, u.accepted
}

// always is the same document every time.
func always(document string) func(int) string { return func(int) string { return document } }

// counting is another document every time.
func counting(asked int) string { return fmt.Sprintf(`{"n":%d}`, asked) }

func answersWell(v visit) bool {
	v.say(v.good)
	return true
}

// ok is a good answer.
func ok(body string, headers ...string) string { return answer("200 OK", body, headers...) }

func answer(status, body string, headers ...string) string {
	lines := append([]string{"HTTP/1.1 " + status, fmt.Sprintf("Content-Length: %d", len(body))}, headers...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

package fanout_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// house is a server whose connections the engine admits, in fake time over pipes.
type house struct {
	t      *testing.T
	engine *fanout.Engine
	pipe   *hubtest.PipeListener
	faults atomic.Int64 // how many times accept fails before it succeeds
	log    bytes.Buffer // read only when nothing runs
	stop   func()
}

// newHouse starts a house. It answers /now at once, /soon after 900 ms, /held when the client has left, /wait
// likewise but with the place of a client, and everything else with a stream.
func newHouse(t *testing.T, opts fanout.Options) *house {
	t.Helper()
	return newHouseFor(t, opts, (*fanout.Engine).Serve)
}

// newHouseFor starts a house that admits connections by serve.
func newHouseFor(t *testing.T, opts fanout.Options, serve func(*fanout.Engine, *http.Server, ...net.Listener) error) *house {
	t.Helper()
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &house{t: t, pipe: hubtest.NewPipeListener()}
	opts.Hub, opts.Logger = h, slog.New(slog.NewTextHandler(&s.log, nil))
	if s.engine, err = fanout.New(opts); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Hour, Handler: http.HandlerFunc(s.answer)}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Run(ctx) }) // ends with the test
	running.Go(func() {
		if err := serve(s.engine, server, faulty{s.pipe, &s.faults}); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	s.stop = sync.OnceFunc(func() {
		_ = server.Close()
		if err := s.engine.Drain(context.Background(), 0); err != nil {
			t.Error(err)
		}
		cancel()
		running.Wait()
	})
	return s
}

func (s *house) answer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/now":
		_, _ = io.WriteString(w, "well") // the client may have left
	case "/held":
		<-r.Context().Done()
	case "/soon":
		select {
		case <-time.After(900 * time.Millisecond):
		case <-r.Context().Done():
		}
	case "/wait":
		release, err := s.engine.Admit(r.Context(), netip.Addr{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer release()
		<-r.Context().Done()
	default:
		client, err := s.engine.Open(r, fanout.Request{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		client.Serve(w, r)
	}
}

// faulty is a listener that fails a given number of times.
type faulty struct {
	net.Listener
	faults *atomic.Int64
}

func (l faulty) Accept() (net.Conn, error) {
	if l.faults.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// visitor is a client's end of a connection. It ignores the answers.
type visitor struct {
	net.Conn
	closed atomic.Bool // by the server
}

// come connects, asks for path if it is not empty, and waits until the server has reacted.
func (s *house) come(path string) *visitor {
	v := &visitor{Conn: s.pipe.Dial()}
	go func() {
		_, _ = io.Copy(io.Discard, v) // until the server closes it
		v.closed.Store(true)
	}()
	if path != "" {
		v.ask(path)
	}
	synctest.Wait()
	return v
}

func (v *visitor) ask(path string) {
	_, _ = io.WriteString(v, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n") // fails if it is closed
}

// expect checks which connections are open, in the order in which they came.
func (s *house) expect(when, open string, visitors ...*visitor) {
	s.t.Helper()
	synctest.Wait()
	var got strings.Builder
	for _, v := range visitors {
		if v.closed.Load() {
			got.WriteByte('-')
		} else {
			got.WriteByte('+')
		}
	}
	if got.String() != open {
		s.t.Errorf("%s: open are %s, want %s", when, got.String(), open)
	}
}

// At the limit the connection that has been idle longest makes room, then one that has
// sent nothing, then one whose request takes too long. Streams and held requests do not
// count, and are never closed for other connections.
func TestConnectionsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHouse(t, fanout.Options{MaxConnections: 4, MaxAge: 10 * time.Hour})
		defer s.stop()
		clients := []*visitor{s.come("/stream"), s.come("/wait"), s.come("/stream"), s.come("/wait"), s.come("/stream")}
		all := []*visitor{s.come(""), s.come("/held"), s.come("/now"), s.come("/now")}
		if stats := s.engine.Stats(); stats.Connections != 4 || stats.Clients != 5 {
			t.Fatalf("counted %+v", stats)
		}
		if diff := cmp.Diff(map[string]int{"silent": 1, "handshake": 0, "busy": 1, "idle": 2}, s.engine.Stats().ConnectionStates); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
		all[2].ask("/now") // so that the other one is idle for longer
		synctest.Wait()
		all = append(all, s.come("/now"))
		s.expect("longest idle", "+++-+", all...)
		all = append(all, s.come("/held"), s.come(""))
		s.expect("two more", "++--"+"-++", all...)

		// No connection may be closed at once, and none ends.
		all = append(all, s.come(""))
		time.Sleep(249 * time.Millisecond)
		s.expect("waiting for room", "++--"+"-+++", all...)
		time.Sleep(time.Millisecond)
		s.expect("waited in vain", "-+--"+"-+++", all...)
		all = append(all, s.come("/held"), s.come("/held"))
		s.expect("full still", "-+--"+"-+--"+"++", all...)
		all = append(all, s.come(""))
		s.expect("nobody is silent", "-+--"+"-+--"+"++-", all...)
		time.Sleep(9750*time.Millisecond - time.Millisecond)
		all = append(all, s.come("/held"))
		s.expect("held for a little less than 10 s", "-+--"+"-+--"+"++--", all...)
		time.Sleep(time.Millisecond)
		all = append(all, s.come("/now"))
		s.expect("held for 10 s", "----"+"-+--"+"++--+", all...)

		s.expect("clients", "+++++", clients...)
		stats := s.engine.Stats()
		for why, want := range map[fanout.Pressure]uint64{fanout.PressureIdle: 3, fanout.PressureFull: 2, fanout.PressureSilent: 3, fanout.PressureSlow: 1} {
			if got := stats.ConnectionsClosed[why]; got != want {
				t.Errorf("%d were closed as %s, want %d", got, why, want)
			}
		}
		for _, v := range append(all, clients...) {
			_ = v.Close()
		}
		synctest.Wait()
		if stats := s.engine.Stats(); stats.Connections != 0 || stats.Clients != 0 || stats.ConnectionStates["idle"] != 0 {
			t.Errorf("nobody is there, and counted are %+v", stats)
		}
	})
}

// While most connections have requests that are new, as in a wave of clients on a machine
// that is slow, a new connection waits for as long as these may be called new.
func TestRoomInAWave(t *testing.T) {
	for _, test := range []struct {
		name  string
		paths []string // of the connections that are there
		after time.Duration
		open  string
	}{
		{"all are answered soon", []string{"/soon", "/soon", "/soon", "/soon"}, 899 * time.Millisecond, "+++++"},
		{"one is, whose connection then makes room", []string{"/held", "/held", "/soon", "/held"}, 900 * time.Millisecond, "++-++"},
		{"none is yet", []string{"/held", "/held", "/held", "/held"}, 999 * time.Millisecond, "+++++"},
		{"none is", []string{"/held", "/held", "/held", "/held"}, time.Second, "++++-"},
		{"only half are new, and those that are silent go", []string{"", "", "/held", "/held"}, 250 * time.Millisecond, "-++++"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newHouse(t, fanout.Options{MaxConnections: 4})
				defer s.stop()
				var all []*visitor
				for _, path := range test.paths {
					all = append(all, s.come(path))
				}
				all = append(all, s.come(""))
				time.Sleep(test.after)
				s.expect(test.after.String(), test.open, all...)
				if refused := s.engine.Stats().ConnectionsClosed[fanout.PressureFull]; refused != uint64(strings.Count(test.open[4:], "-")) {
					t.Errorf("%d were refused", refused)
				}
			})
		})
	}
}

// The admin listener has room for 16 connections, whatever the other listeners have.
func TestAdminConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHouseFor(t, fanout.Options{MaxConnections: 1}, (*fanout.Engine).ServeAdmin)
		defer s.stop()
		var all []*visitor
		for range 17 {
			all = append(all, s.come("/held"))
		}
		time.Sleep(time.Second)
		s.expect("17", strings.Repeat("+", 16)+"-", all...)
	})
}

// A connection that has been silent for 2 s makes room without a wait.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	for silence, open := range map[time.Duration]string{2*time.Second - time.Millisecond: "++", 2 * time.Second: "-+"} {
		synctest.Test(t, func(t *testing.T) {
			s := newHouse(t, fanout.Options{MaxConnections: 1})
			defer s.stop()
			first := s.come("")
			time.Sleep(silence)
			s.expect(silence.String(), open, first, s.come(""))
		})
	}
}

// Idle connections are closed within seconds when there are many, and stay when there are
// few.
func TestIdleConnectionsAreLetGo(t *testing.T) {
	for _, test := range []struct {
		visitors int
		stay     bool
	}{{4, true}, {5, false}} {
		synctest.Test(t, func(t *testing.T) {
			s := newHouse(t, fanout.Options{MaxConnections: 16})
			defer s.stop()
			var all []*visitor
			for range test.visitors {
				all = append(all, s.come("/now"))
			}
			time.Sleep(4 * time.Second)
			s.expect("at first", strings.Repeat("+", test.visitors), all...)
			time.Sleep(2 * time.Second)
			open := "-++++"
			if test.stay {
				open = "++++"
			}
			s.expect("after 6 s", open, all...)
			time.Sleep(time.Minute)
			s.expect("after a minute", open, all...)
		})
	}
}

// More clients than the limit on connections join at once, and all are let in: each of
// them counts as a connection for a moment only.
func TestWaveOfClients(t *testing.T) {
	everyWriter(t, func(t *testing.T, start starter) {
		// A machine that is slow serves one of 64 within a quarter of a second, where it may not
		// serve one of four.
		const clients, connections = 300, 64
		r := start(hub.Options{}, fanout.Options{MaxConnections: connections})
		var coming sync.WaitGroup
		for range clients {
			conn := r.dial()
			coming.Go(func() {
				_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				if err == nil {
					_, err = http.ReadResponse(bufio.NewReader(conn), nil)
				}
				if err != nil {
					t.Errorf("not let in: %v", err)
				}
			})
			defer conn.Close()
		}
		coming.Wait()
		if stats := r.engine.Stats(); stats.Clients != clients || stats.Connections != 0 {
			t.Errorf("counted %+v", stats)
		}
	})
}

// A connection with HTTP/2 that has sent no request yet is new, and not idle: one that is idle
// would be the first to be closed for others.
func TestNewConnectionWithHTTP2IsNotIdle(t *testing.T) {
	r := newRig(t, hub.Options{}, fanout.Options{}, nil, portableHTTP2)
	conn := r.dial()
	defer conn.Close()
	states := func(want string) func(fanout.Stats) bool {
		return func(s fanout.Stats) bool { return s.Connections == 1 && s.ConnectionStates[want] == 1 }
	}
	if _, err := conn.Write(nil); err != nil { // the preface and the settings
		t.Fatal(err)
	}
	frames := conn.(*framed)
	for settled := false; !settled; settled = frames.settled {
		if err := frames.frame(); err != nil {
			t.Fatal(err)
		}
	}
	r.await("new", states("silent"))
	r.publish("1")
	c := r.open(conn, "limit=1")
	c.expect("1")
	c.expectEnd()
	r.await("between two requests", states("idle"))
}

// Errors of accept are counted, logged now and then, and followed by a pause that grows.
// They end nothing.
func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHouse(t, fanout.Options{MaxConnections: 16})
		defer s.stop()
		resting := s.come("/now")
		const failures = 100
		s.faults.Store(failures)
		first := s.come("/now") // accept waited for this one already
		begin := time.Now()
		late := s.come("/now")
		for s.faults.Load() > 0 {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		// 5 ms, doubled up to 1 s.
		if took := time.Since(begin); took < 90*time.Second || took > 94*time.Second {
			t.Errorf("%d failures took %v", failures, took)
		}
		s.expect("afterwards", "--+", resting, first, late) // its descriptor was needed
		stats := s.engine.Stats()
		if stats.AcceptErrors != failures || stats.Connections != 1 {
			t.Errorf("counted %+v", stats)
		}
		if told := strings.Count(s.log.String(), "connections not accepted"); told < 8 || told > 11 {
			t.Errorf("told %d times:\n%s", told, s.log.String())
		}
	})
}

// A client has its place until its descriptor is closed, even if its subscription ends
// before.
func TestMaxClients(t *testing.T) { everyWriter(t, testMaxClients) }

func testMaxClients(t *testing.T, start starter) {
	const most = 5
	r := start(hub.Options{Buffer: 1}, fanout.Options{MaxClients: most})
	first := r.publish("0")
	document := `"` + strings.Repeat("x", 16<<10) + `"`
	for range 200 { // several portions of replay, and more than a socket takes
		r.publish(document)
	}
	inside, refused := make([]net.Conn, 0, most), 0
	come := func() {
		conn := r.dialSmall()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: "+first.String()+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, len("HTTP/1.1 200"))
		if _, err := io.ReadFull(conn, answer); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(string(answer), "200") {
			inside = append(inside, conn)
		} else {
			refused++
			_ = conn.Close()
		}
	}
	for range 4 * most {
		come()
		r.publish(document)
	}
	defer func() {
		for _, conn := range inside {
			_ = conn.Close()
		}
	}()
	if stats := r.engine.Stats(); len(inside) != most || refused != 3*most || stats.Clients != most {
		t.Fatalf("%d are inside, %d were refused, counted %+v", len(inside), refused, stats)
	}
	_ = inside[0].Close()
	r.await("there is room", func(s fanout.Stats) bool { return s.Clients < most })
	come()
	if len(inside) != most+1 {
		t.Error("there was room, and nobody was let in")
	}
}

// Held requests and streams share the places.
func TestWaitsHavePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHouse(t, fanout.Options{MaxClients: 2})
		defer s.stop()
		release, err := s.engine.Admit(t.Context(), netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		s.come("/stream")
		if _, err := s.engine.Admit(t.Context(), netip.Addr{}); !errors.Is(err, fanout.ErrTooManyClients) {
			t.Errorf("one too many: %v", err)
		}
		release()
		last := s.come("/wait")
		if stats := s.engine.Stats(); stats.Clients != 2 {
			t.Errorf("counted %+v", stats)
		}
		_ = last.Close()
		synctest.Wait()
		if stats := s.engine.Stats(); stats.Clients != 1 {
			t.Errorf("counted %+v", stats)
		}
	})
}

// Thousands of connections come, send nothing, a part of a request or all of it, and
// leave. Nothing is left of them, and no other client is shut out.
func TestNothingIsLeftOfAStorm(t *testing.T) {
	everyWriter(t, func(t *testing.T, start starter) {
		const atOnce, each = 16, 100
		r := start(hub.Options{}, fanout.Options{MaxConnections: 8, MaxClients: 8})
		r.publish("1")
		visit := func() {
			c := r.open(r.dial(), "")
			c.expect("1")
			_ = c.conn.Close()
		}
		for range 2 * runtime.GOMAXPROCS(0) { // one for each writer
			visit()
		}
		r.await("nobody is there", func(s fanout.Stats) bool { return s.Clients == 0 && s.Connections == 0 })
		before := resources(t)
		const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
		var storm sync.WaitGroup
		for worker := range atOnce {
			storm.Go(func() {
				for i := range each {
					conn := r.dial()
					_, _ = io.WriteString(conn, request[:(worker+i)*7%(len(request)+1)]) // it may be closed already
					if (worker+i)%3 == 0 {
						_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
						_, _ = conn.Read(make([]byte, 100))
					}
					_ = conn.Close()
				}
			})
		}
		storm.Wait()
		r.await("all are gone", func(s fanout.Stats) bool { return s.Clients == 0 && s.Connections == 0 })
		visit()
		r.await("all are gone", func(s fanout.Stats) bool { return s.Clients == 0 && s.Connections == 0 })
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			after := resources(t)
			if after.descriptors <= before.descriptors && after.goroutines <= before.goroutines {
				break
			}
			if time.Now().After(deadline) {
				stacks := make([]byte, 64<<10)
				t.Fatalf("before: %+v, after: %+v\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
			}
		}
	})
}

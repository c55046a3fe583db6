package httpjson_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// scripted is an upstream that answers the nth request, on any connection, with the nth
// of its texts. It keeps the connection after a complete answer, and closes it after
// any other one.
type scripted struct {
	answers []string
	asked   []string // connection and body
}

func (u *scripted) serve(t *testing.T) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	all.Go(func() {
		for name := 'a'; ; name++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				reader := bufio.NewReader(conn)
				for {
					request, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					body, _ := io.ReadAll(request.Body)
					mu.Lock()
					answer := "out of script"
					if len(u.asked) < len(u.answers) {
						answer = u.answers[len(u.asked)]
					}
					u.asked = append(u.asked, string(name)+" "+request.Method+" "+string(body))
					mu.Unlock()
					if _, err := io.WriteString(conn, answer); err != nil || answer != sized("1") {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return "http://" + listener.Addr().String()
}

// TestRetry loses connections at every point. Each row is a series of fetches.
func TestRetry(t *testing.T) {
	ok := sized("1")
	for _, test := range []struct {
		name    string
		answers []string
		want    []string // the class of each fetch
		conns   []string // of each request
		retries uint64
	}{
		{"a new connection is lost", []string{""}, []string{"disconnected"}, []string{"a"}, 0},
		{"an old one is lost", []string{ok, "", ok, ok}, []string{"", "", ""}, []string{"a", "a", "b", "b"}, 1},
		{"and so is the new one", []string{ok, "", ""}, []string{"", "disconnected"}, []string{"a", "a", "b"}, 1},
		{"again and again", []string{ok, "", ok, "", ok}, []string{"", "", ""}, []string{"a", "a", "b", "b", "c"}, 2},
		{"lost after the first byte", []string{ok, "H"}, []string{"", "protocol"}, []string{"a", "a"}, 0},
		{"lost within the body", []string{ok, response("Content-Length: 9", "1")}, []string{"", "truncated"}, []string{"a", "a"}, 0},
	} {
		for method, body := range map[string]string{"GET": "", "POST": `{"query":"{a}"}`} {
			t.Run(test.name+", "+method, func(t *testing.T) {
				u := &scripted{answers: test.answers}
				s := newSource(t, httpjson.Options{URL: u.serve(t), Method: method, Body: []byte(body)})
				for i, want := range test.want {
					if _, err := s.Fetch(t.Context(), poller.Version{}); class(t, err) != want {
						t.Errorf("fetch %d: %v, want class %q", i, err, want)
					}
				}
				var want []string
				for _, conn := range test.conns {
					want = append(want, conn+" "+method+" "+body)
				}
				if diff := cmp.Diff(want, u.asked); diff != "" {
					t.Errorf("asked (-want +got)\n%s", diff)
				}
				stats := poller.SourceStats{Requests: uint64(len(test.conns)), Retries: test.retries}
				if diff := cmp.Diff(stats, s.Stats()); diff != "" {
					t.Errorf("stats (-want +got)\n%s", diff)
				}
			})
		}
	}
}

// TestOneRetryOnly has a transport with several kept connections, each of which is lost
// at the next request.
func TestOneRetryOnly(t *testing.T) {
	const kept = 4
	for _, method := range []string{"GET", "POST"} {
		var asked atomic.Int32
		var together sync.WaitGroup
		together.Add(kept)
		server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) > kept {
				panic(http.ErrAbortHandler)
			}
			together.Done()
			together.Wait() // so that each has its own connection
			_, _ = io.WriteString(w, `1`)
		})
		transport := &http.Transport{MaxIdleConnsPerHost: kept, DisableCompression: true}
		t.Cleanup(transport.CloseIdleConnections)
		var warm sync.WaitGroup
		for range kept {
			warm.Go(func() {
				s := newSource(t, httpjson.Options{URL: server.URL, Transport: transport})
				if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
					t.Error(err)
				}
			})
		}
		warm.Wait()
		s := newSource(t, httpjson.Options{URL: server.URL, Method: method, Body: []byte(strings.Repeat("x", len(method)-3)), Transport: transport})
		_, err := s.Fetch(t.Context(), poller.Version{})
		if class(t, err) != "disconnected" || s.Stats() != (poller.SourceStats{Requests: 2, Retries: 1}) {
			t.Errorf("%s: %v, %+v", method, err, s.Stats())
		}
		if n := asked.Load() - kept; n != 2 {
			t.Errorf("%s: %d requests arrived, want 2", method, n)
		}
	}
}

// TestNoRetryAfterDeadline has an old connection on which no answer comes, and which is
// lost when the time is over.
func TestNoRetryAfterDeadline(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int32
			transport := memoryUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
				if asked.Add(1) == 1 {
					_, _ = io.WriteString(w, `1`)
					return
				}
				time.Sleep(time.Second)
				panic(http.ErrAbortHandler)
			})
			s := newSource(t, httpjson.Options{URL: "http://upstream", Method: method, Transport: transport})
			if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second-1)
			defer cancel()
			_, err := s.Fetch(ctx, poller.Version{})
			if class(t, err) != "timeout" || s.Stats().Retries != 0 || asked.Load() != 2 {
				t.Errorf("%s: %v, %d requests, %+v", method, err, asked.Load(), s.Stats())
			}
			time.Sleep(time.Second) // until the handler has ended
		})
	}
}

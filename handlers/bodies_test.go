package handlers_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// The bodies that are read at the same time have 16 MiB, or four times the largest. A
// request beyond that waits up to five seconds for the others, in its order, and a body
// without a length counts like the largest.
func TestBodiesAreBounded(t *testing.T) {
	for _, test := range []struct {
		largest int64
		fit     int
		left    bool // room for a small one
	}{{4 << 20, 4, false}, {5 << 20, 4, false}, {1 << 20, 16, false}, {3 << 20, 5, true}} {
		synctest.Test(t, func(t *testing.T) {
			counts := new(handlers.Counts)
			r := newRig(t, setup{handlers: handlers.Options{MaxBody: test.largest, Counts: counts}, listener: hubtest.NewPipeListener()})
			defer r.stop()
			begin := func(framing, body string) *conn {
				c := r.dial()
				c.send(fmt.Sprintf("POST /api/streams/default/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n%s", token, framing, body))
				synctest.Wait()
				return c
			}
			var open []*conn
			some := strings.Repeat(" ", 20_000) // so many that they are not too slow
			for i := range test.fit {
				if i%2 == 0 {
					open = append(open, begin("Transfer-Encoding: chunked", "4e20\r\n"+some+"\r\n"))
				} else {
					open = append(open, begin(fmt.Sprintf("Content-Length: %d", test.largest), some))
				}
			}
			began := time.Now()
			late := begin(fmt.Sprintf("Content-Length: %d", test.largest), "")
			time.Sleep(time.Second)
			small := begin("Content-Length: 1", "1")
			same(t, "status without room", late.receive("POST").status, 503)
			same(t, "time", time.Since(began), 5*time.Second)
			same(t, "counted", counts.Refusals()["bodies"], 1)
			if test.left {
				same(t, "a small one behind it", small.receive("POST").status, 200)
				same(t, "time", time.Since(began), 5*time.Second)
			} else {
				same(t, "a small one behind it", small.receive("POST").status, 503)
			}
			same(t, "one that is not read", begin(fmt.Sprintf("Content-Length: %d", test.largest+1), "").receive("POST").status, 413)

			late = begin("Content-Length: 10", strings.Repeat("1", 10))
			open[0].send("1\r\n1\r\n0\r\n\r\n")
			same(t, "the first", open[0].receive("POST").status, 200)
			same(t, "one that waited for it", late.receive("POST").status, 200)
			for _, c := range open {
				_ = c.Close()
			}
			time.Sleep(time.Second) // net/http lingers where it has not read a body
		})
	}
}

// A client that leaves while its body waits for room is no error of the server.
func TestClientLeavesWhileItsBodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{handlers: handlers.Options{MaxBody: 1 << 20}, listener: hubtest.NewPipeListener()})
		defer r.stop()
		begin := func(length int) *conn {
			c := r.dial()
			c.send(fmt.Sprintf("POST /api/streams/default/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", token, length))
			synctest.Wait()
			return c
		}
		var open []*conn
		for range 17 { // one of them waits
			open = append(open, begin(1<<20))
		}
		_ = begin(0).Close() // with a body, net/http would notice only when that is read
		time.Sleep(time.Second)
		if strings.Contains(r.log.String(), "request failed") {
			t.Errorf("logged: %s", r.log.String())
		}
		for _, c := range open {
			_ = c.Close()
		}
		time.Sleep(time.Second) // net/http lingers where it has not read a body
	})
}

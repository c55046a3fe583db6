package fanout_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
	"github.com/polluxhub/pollux/hub/sse"
)

// The times of the portable writer, in fake time over pipes.

func TestHeartbeatAfterSilence(t *testing.T) {
	for _, random := range []float64{0, 0.5, 0.999} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, hub.Options{}, fanout.Options{Random: func() float64 { return random }}, hubtest.NewPipeListener(), portable)
			defer r.stop()
			r.publish("1")
			c := r.open(r.dial(), "heartbeat=event")
			stamp := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
			made := stamp(time.Now())
			want := fmt.Sprintf(`{"retry":%d,"now":"%s","made":{"default":"%s"}}`, int64(2000+random*3000), made, made)
			if e := c.next(); e.Name != "hb" || string(e.Data) != want {
				t.Fatalf("got %s %s, want a first heartbeat with %s", e.Name, e.Data, want)
			}
			c.expect("1")
			silence := 12*time.Second + time.Duration(random*float64(6*time.Second))
			last := time.Now()
			for n := range 4 {
				e := c.next()
				want := fmt.Sprintf(`{"now":"%s","made":{"default":"%s"}}`, stamp(time.Now()), made)
				if e.Name != "hb" || string(e.Data) != want {
					t.Fatalf("got %s %s, want a heartbeat with %s", e.Name, e.Data, want)
				}
				if waited := time.Since(last); n == 0 && waited != 0 {
					t.Errorf("heartbeat %v behind the replay, want it at once", waited)
				} else if n > 0 && waited != silence {
					t.Errorf("heartbeat after %v, want %v", waited, silence)
				}
				last = time.Now()
			}
			// A document counts as a heartbeat.
			time.Sleep(10 * time.Second)
			r.publish("2")
			c.expect("2")
			last = time.Now()
			c.next()
			if waited := time.Since(last); waited != silence {
				t.Errorf("heartbeat %v after a document, want %v", waited, silence)
			}
		})
	}
}

func TestStreamsEndAtTheirMaximumAge(t *testing.T) {
	for random, want := range map[float64]time.Duration{0: 48 * time.Minute, 0.5: 54 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, hub.Options{}, fanout.Options{Random: func() float64 { return random }}, hubtest.NewPipeListener(), portable)
			defer r.stop()
			begin := time.Now()
			r.open(r.dial(), "").expectEnd()
			if age := time.Since(begin); age != want {
				t.Errorf("ended after %v, want %v", age, want)
			}
			if stats := r.engine.Stats(); stats.Ended[fanout.ReasonAge] != 1 {
				t.Errorf("counted %+v", stats)
			}
		})
	}
}

// A client that takes nothing is closed exactly at the write timeout, which is 10 s by
// default. A pipe has no buffer, so the client stalls at the first byte.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hub.Options{}, fanout.Options{}, hubtest.NewPipeListener(), portable)
		defer r.stop()
		r.publish("1")
		r.open(r.dial(), "").expect("1")
		r.publish("2")
		time.Sleep(10*time.Second - time.Millisecond)
		synctest.Wait()
		if n := r.engine.Stats().Clients; n != 1 {
			t.Fatalf("%d clients just before the timeout", n)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if stats := r.engine.Stats(); stats.Clients != 0 || stats.Ended[fanout.ReasonSlow] != 1 {
			t.Errorf("after the timeout: %+v", stats)
		}
	})
}

// openHTTP2 asks for a stream on a connection of HTTP/2.
func (r *rig) openHTTP2(query string) *client {
	r.t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return r.dial(), nil }}
	resp, err := (&http.Client{Transport: transport}).Get("http://x/?" + query)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
	})
	if resp.ProtoMajor != 2 {
		r.t.Fatalf("the server speaks %s", resp.Proto)
	}
	return &client{sse.NewDecoder(resp.Body), r.t, nil, resp.Body}
}

// A stream that is silent for longer than a write may take goes on, on HTTP/2 too. One whose
// client takes nothing is closed at the write timeout.
func TestWriteTimeoutOnHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hub.Options{}, fanout.Options{}, hubtest.NewPipeListener(), portable)
		defer r.stop()
		r.publish("1")
		c := r.openHTTP2("heartbeat=event")
		defer c.body.Close()
		if e := c.next(); e.Name != "hb" {
			t.Fatalf("got %s first", e.Name)
		}
		c.expect("1")
		begin := time.Now()
		const heartbeats = 4 // the first one comes at once
		for range heartbeats {
			if e := c.next(); e.Name != "hb" {
				t.Fatalf("got %s", e.Name)
			}
		}
		if silence := time.Since(begin) / (heartbeats - 1); silence <= fanout.DefaultWriteTimeout {
			t.Errorf("silent for %v only, the test shows nothing", silence)
		}
		r.publish("2")
		c.expect("2")

		for range 9 { // more than the window of the client
			r.publish(`"` + strings.Repeat("x", 1<<20-2) + `"`)
		}
		time.Sleep(fanout.DefaultWriteTimeout - time.Millisecond)
		synctest.Wait()
		if n := r.engine.Stats().Clients; n != 1 {
			t.Fatalf("%d clients just before the timeout", n)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if stats := r.engine.Stats(); stats.Clients != 0 || stats.Ended[fanout.ReasonSlow] != 1 {
			t.Errorf("after the timeout: %+v", stats)
		}
	})
}

// A drain spreads the ends of streams over its window, each at a moment of its own.
func TestDrainIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		draws := make(chan float64, 100)
		r := newRig(t, hub.Options{}, fanout.Options{Random: func() float64 {
			select {
			case f := <-draws:
				return f
			default:
				return 0
			}
		}}, hubtest.NewPipeListener(), portable)
		defer r.stop()
		const clients = 4
		ends := make(chan time.Time, clients)
		for range clients {
			c := r.open(r.dial(), "")
			go func() {
				for {
					if _, err := c.Next(); err != nil {
						ends <- time.Now()
						return
					}
				}
			}()
		}
		synctest.Wait()
		for i := range clients {
			draws <- float64(i) / clients
		}
		begin := time.Now()
		if err := r.engine.Drain(t.Context(), 8*time.Second); err != nil {
			t.Fatal(err)
		}
		for i := range clients {
			if at, want := (<-ends).Sub(begin), time.Duration(i)*2*time.Second; at != want {
				t.Errorf("end %d after %v, want %v", i, at, want)
			}
		}
	})
}

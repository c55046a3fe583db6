package load_test

import (
	"compress/flate"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/peer"
)

// rig is a server and a driver that measures it.
type rig struct {
	fleet  *load.Fleet
	driver *load.Driver
}

func newRig(t *testing.T, handler http.Handler, gzip bool) *rig {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	fleet, err := load.NewFleet(load.Options{
		Server: netip.MustParseAddrPort(strings.TrimPrefix(server.URL, "http://")),
		Path:   "/events",
		Gzip:   gzip,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	publisher := load.NewPublisher(server.URL+"/publish", nil)
	t.Cleanup(publisher.Rest)
	return &rig{fleet, load.NewDriver(fleet, publisher)}
}

func (r *rig) open(t *testing.T, n int, stall bool) load.Opened {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	opened, err := r.fleet.Open(ctx, n, stall)
	if err != nil || opened.Clients != n || opened.Failed != 0 {
		t.Fatalf("%+v, %v", opened, err)
	}
	return opened
}

// perfect tells whether all events came to all clients, once and in order.
func perfect(t *testing.T, r load.Report, err error) {
	t.Helper()
	if err != nil || r.Published == 0 || r.Lost+r.Late+r.Duplicates+r.Broken != 0 || r.Gone+r.Refused != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Delivered != int64(r.Published)*int64(r.Clients) {
		t.Errorf("%d deliveries of %d events to %d clients", r.Delivered, r.Published, r.Clients)
	}
}

// The whole of a measurement, small, for each of the Go peers.
func TestSmoke(t *testing.T) {
	for _, name := range []string{"textbook", "go-sse", "r3labs"} {
		t.Run(name, func(t *testing.T) {
			handler, err := peer.Handler(name)
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t, withStream(handler), false)
			const clients = 50
			r.open(t, clients, false)

			// A client may have its answer before its subscription.
			time.Sleep(100 * time.Millisecond)
			report, err := r.driver.Paced(t.Context(), load.Paced{Count: 10, Interval: 50 * time.Millisecond, Size: 200})
			perfect(t, report, err)
			if report.Published != report.Planned || report.Clients != clients {
				t.Errorf("%+v", report)
			}
			if report.MedianClient < 0 || report.MedianClient > report.P99Client || report.P99Client > report.LastClient {
				t.Errorf("times out of order: %+v", report)
			}
			if perEvent := float64(report.Bytes) / float64(report.Delivered); perEvent < 200 || perEvent > 260 {
				t.Errorf("%v bytes per event of 200", perEvent)
			}

			report, err = r.driver.Documents(t.Context(), load.Documents{Count: 5, Interval: 20 * time.Millisecond})
			perfect(t, report, err)
			if report.Readers != clients || report.Clients >= clients {
				t.Errorf("%d of %d clients compare", report.Clients, report.Readers)
			}

			report, err = r.driver.Burst(t.Context(), load.Burst{Duration: 300 * time.Millisecond, Window: 8, Size: 16 << 10})
			perfect(t, report, err)
			if counts, err := r.fleet.Counts(); err != nil || counts != (load.Counts{Streaming: clients}) {
				t.Errorf("%+v, %v", counts, err)
			}
			if err := r.fleet.Disconnect(); err != nil {
				t.Error(err)
			}
			r.open(t, 3, false) // it can be used again
		})
	}
}

// withStream adds the query that one of the peers wants.
func withStream(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			r.URL.RawQuery = "stream=messages"
		}
		h.ServeHTTP(w, r)
	})
}

// faulty is a server that does to its clients what the number of the event says.
type faulty struct {
	mu      sync.Mutex
	clients []chan []byte
	events  int
	deal    func(event int, frame []byte) [][]byte
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.events++
		for _, frame := range f.deal(f.events, fmt.Appendf(nil, "data: %s\n\n", data)) {
			for _, c := range f.clients {
				c <- frame
			}
		}
		return
	}
	c := make(chan []byte, 100)
	f.mu.Lock()
	f.clients = append(f.clients, c)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	controller := http.NewResponseController(w)
	for {
		if controller.Flush() != nil {
			return
		}
		select {
		case b := <-c:
			if b == nil {
				return
			}
			if _, err := w.Write(b); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// What a server does wrong is seen.
func TestFaults(t *testing.T) {
	const clients, count = 5, 6
	var held []byte
	for name, test := range map[string]struct {
		deal func(event int, frame []byte) [][]byte
		want load.Report
	}{
		"one lost": {
			func(event int, frame []byte) [][]byte {
				if event == 3 {
					return nil
				}
				return [][]byte{frame}
			},
			load.Report{Lost: clients},
		},
		"one twice": {
			func(event int, frame []byte) [][]byte {
				if event == 3 {
					return [][]byte{frame, frame}
				}
				return [][]byte{frame}
			},
			load.Report{Duplicates: clients},
		},
		"two swapped": {
			func(event int, frame []byte) [][]byte {
				switch event {
				case 3:
					held = frame
					return nil
				case 4:
					return [][]byte{frame, held}
				}
				return [][]byte{frame}
			},
			load.Report{Late: clients},
		},
		"streams closed": {
			func(event int, frame []byte) [][]byte {
				if event == count {
					return [][]byte{nil}
				}
				return [][]byte{frame}
			},
			load.Report{Lost: clients, Gone: clients},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, &faulty{deal: test.deal}, false)
			r.open(t, clients, false)
			got, err := r.driver.Paced(t.Context(), load.Paced{Count: count, Interval: 20 * time.Millisecond, Size: 100})
			if err != nil || got.Published != count {
				t.Fatalf("%+v, %v", got, err)
			}
			seen := load.Report{Lost: got.Lost, Late: got.Late, Duplicates: got.Duplicates, Broken: got.Broken, Gone: got.Gone}
			if fmt.Sprint(seen) != fmt.Sprint(test.want) {
				t.Errorf("%+v, want %+v", seen, test.want)
			}
		})
	}
}

// A document that is changed on the way is seen.
func TestBrokenDocument(t *testing.T) {
	r := newRig(t, &faulty{deal: func(event int, frame []byte) [][]byte {
		if event == 2 {
			frame[20]++
		}
		return [][]byte{frame}
	}}, false)
	r.open(t, 2, false)
	report, err := r.driver.Documents(t.Context(), load.Documents{Count: 3, Interval: 10 * time.Millisecond})
	if err != nil || report.Broken != 2 || report.Lost != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}

// zipped is a server whose streams are compressed, an event a chunk, with a
// heartbeat between.
func zipped() *faulty {
	var header = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	return &faulty{deal: func(event int, frame []byte) [][]byte {
		var b strings.Builder
		w, err := flate.NewWriter(&b, flate.BestSpeed)
		if err != nil {
			panic(err)
		}
		if _, err := w.Write(frame); err != nil {
			panic(err)
		}
		if err := w.Flush(); err != nil {
			panic(err)
		}
		if event == 1 {
			return [][]byte{append(header, b.String()...)}
		}
		return [][]byte{[]byte(b.String()), {0, 0, 0, 0xff, 0xff}}
	}}
}

// Of compressed streams, some are decompressed and the chunks of others counted.
func TestGzip(t *testing.T) {
	handler := zipped()
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodGet {
			if q.Header.Get("Accept-Encoding") != "gzip" {
				t.Errorf("clients do not offer gzip: %v", q.Header)
			}
			w.Header().Set("Content-Encoding", "gzip")
		}
		handler.ServeHTTP(w, q)
	}), true)
	if opened := r.open(t, 30, false); !opened.Gzip {
		t.Errorf("%+v", opened)
	}
	// The interval keeps a heartbeat from sharing the chunk of an event.
	report, err := r.driver.Paced(t.Context(), load.Paced{Count: 5, Interval: 50 * time.Millisecond, Size: 300})
	perfect(t, report, err)
	report, err = r.driver.Documents(t.Context(), load.Documents{Count: 5, Interval: 50 * time.Millisecond})
	perfect(t, report, err)
	if plain := float64(5200 * report.Readers * report.Published); float64(report.Bytes) > plain*3/4 {
		t.Errorf("%d bytes, plain %v", report.Bytes, plain)
	}
}

// Clients that stall do not read, and are told apart from those that do.
func TestStalled(t *testing.T) {
	handler, err := peer.Handler("textbook")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, handler, false)
	r.open(t, 10, false)
	r.open(t, 5, true)
	report, err := r.driver.Paced(t.Context(), load.Paced{Count: 5, Interval: 10 * time.Millisecond, Size: 200})
	perfect(t, report, err)
	if counts, err := r.fleet.Counts(); err != nil || counts != (load.Counts{Streaming: 10, Stalled: 5}) {
		t.Errorf("%+v, %v", counts, err)
	}
}

// A server that refuses is no server.
func TestRefused(t *testing.T) {
	r := newRig(t, http.NotFoundHandler(), false)
	opened, err := r.fleet.Open(t.Context(), 4, false)
	if err != nil || opened.Clients != 0 || opened.Failed != 4 || opened.Failure == "" {
		t.Errorf("%+v, %v", opened, err)
	}
	if _, err := r.driver.Paced(t.Context(), load.Paced{Count: 1}); err == nil {
		t.Error("a publish that was refused is no error")
	}
}

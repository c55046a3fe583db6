package soak

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fakeServer streams so many documents of both streams to whoever comes, from the
// Last-Event-ID on, and keeps the stream open. If it cuts, it has half of them for each of
// the first clients, and cuts their streams, as every stream that begins without an ID.
func fakeServer(t *testing.T, documents, cut int) string {
	t.Helper()
	var joined atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, to := 0, 2*documents
		id := r.Header.Get("Last-Event-ID")
		switch {
		case id != "":
			if _, err := fmt.Sscanf(id, "e-%d", &from); err != nil {
				t.Error(err)
			}
		case cut > 0:
			if joined.Add(1) <= int64(cut) {
				to = documents
			}
			from = to - 2 // the newest of each
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprint(w, "retry: 10\n\n")
		for seq := from + 1; seq <= to; seq++ {
			name := eventsStream
			if seq%2 == 0 {
				name = polledStream
			}
			_, _ = fmt.Fprintf(w, "id: e-%d\nevent: %s\ndata: {\"n\":%d}\n\n", seq, name, (seq+1)/2)
		}
		_ = http.NewResponseController(w).Flush()
		if cut > 0 && id == "" {
			panic(http.ErrAbortHandler)
		}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// A crowd to whose clients everything comes has nothing to say, and one that misses a
// single event says so, whichever it is.
func TestCrowdMissesWhatIsDropped(t *testing.T) {
	const documents, clients = 20, 10
	for name, test := range map[string]struct {
		drop func(client int, f frame) bool
		want string // "" for nothing
	}{
		"nothing":      {nil, ""},
		"one event":    {func(c int, f frame) bool { return c == 3 && f.event == eventsStream && f.id == "e-9" }, "document 6 came after document 4"},
		"the last":     {func(c int, f frame) bool { return c == 3 && f.id == "e-39" }, "has document 19 at the end, and not 20"},
		"one polled":   {func(c int, f frame) bool { return c == 3 && f.id == "e-8" }, "others saw"},
		"last polled":  {func(c int, f frame) bool { return c == 3 && f.id == "e-40" }, "has not got the last polled document"},
		"all of them":  {func(c int, _ frame) bool { return c == 3 }, "never got a document"},
		"one of a few": {func(c int, f frame) bool { return c%4 == 0 && f.id == "e-21" }, "document 12 came after document 10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrowd(Start{Server: fakeServer(t, documents, 0), Clients: clients})
			c.drop = test.drop
			c.start(0)
			patience := time.Minute
			if test.want != "" {
				patience = time.Second // the answer is the same however long this takes
			}
			c.finish(documents, patience)
			result := c.result()
			told := strings.Join(result.Notes, "\n")
			if (result.Violations == 0) != (test.want == "") || !strings.Contains(told, test.want) {
				t.Errorf("%d violations, want %q:\n%s", result.Violations, test.want, told)
			}
			if test.want == "" && (result.Events != 2*documents*clients || result.Checked != 2*clients || result.Cut != 0) {
				t.Errorf("%+v", result)
			}
		})
	}
}

// Clients that leave and clients that are cut come back, and get the rest.
func TestCrowdComesBack(t *testing.T) {
	const documents, clients = 20, 10
	c := newCrowd(Start{Server: fakeServer(t, documents, clients), Clients: clients})
	c.start(100)
	for c.counts.left.Load() < 30 {
		time.Sleep(10 * time.Millisecond)
	}
	c.finish(documents, time.Minute)
	result := c.result()
	if result.Violations != 0 || result.Cut == 0 {
		t.Errorf("%+v", result)
	}
	for _, note := range result.Notes {
		if !strings.Contains(note, "unexpected EOF") {
			t.Errorf("%s", note)
		}
	}
}

// A reader that read nothing is counted by whether the server has closed it.
func TestCrowdStalls(t *testing.T) {
	for name, reset := range map[string]bool{"closed": true, "kept": false} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !reset {
					<-r.Context().Done()
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close()); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			c := newCrowd(Start{Server: strings.TrimPrefix(server.URL, "http://"), Stalled: 1})
			c.stalling = 50 * time.Millisecond
			c.acknowledged.Store(1)
			c.start(0)
			for c.counts.stalled.Load()+c.counts.kept.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
			c.finish(0, time.Minute)
			if n := c.result(); (n.Stalled > 0) != reset || (n.Kept > 0) == reset {
				t.Errorf("%d were closed, %d kept", n.Stalled, n.Kept)
			}
		})
	}
}

// What the upstream fails with, and that it recovers.
func TestUpstreamFails(t *testing.T) {
	var now atomic.Int64
	u := newUpstream(func() time.Duration { return time.Duration(now.Load()) })
	server := httptest.NewServer(u)
	defer server.Close()
	client := &http.Client{Timeout: 200 * time.Millisecond}
	good, bad := 0, 0
	for at := time.Duration(0); at < time.Duration(len(faults))*faultEvery; at += faultEvery / 10 {
		now.Store(int64(at))
		resp, err := client.Get(server.URL)
		ok := err == nil && resp.StatusCode == http.StatusOK
		if err == nil {
			text := readAll(resp.Body)
			_ = resp.Body.Close()
			ok = ok && strings.HasPrefix(text, `{"n":`) && strings.HasSuffix(text, "}")
		}
		if ok {
			good++
		} else {
			bad++
		}
		if wantBad := at%faultEvery >= faultEvery-faultFor; wantBad == ok {
			t.Errorf("at %v the answer is good: %v", at, ok)
		}
	}
	if good < 3*bad || bad < len(faults) {
		t.Errorf("%d good answers, %d bad", good, bad)
	}
}

func readAll(r io.Reader) string {
	text, err := io.ReadAll(r)
	if err != nil {
		return ""
	}
	return string(text)
}

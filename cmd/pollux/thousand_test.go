package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A thousand streams of one second, all of one upstream, are all asked as often
// as that, or half as often where the machine is busy. One more is slow, and
// delays nobody but itself.
func TestThousandStreams(t *testing.T) {
	const (
		streams = 1000
		rounds  = 3
	)
	u := startWideUpstream(t, streams)
	settings := []string{"every: 1s"}
	entries := []string{entry("slow", u.url+"slow", settings...)}
	for i := range streams {
		entries = append(entries, entry(fmt.Sprintf("s%d", i), fmt.Sprintf("%s%d", u.url, i), settings...))
	}
	p := startProcess(t, builtBinary(t), configuration(entries...))
	eventually(t, "each stream was asked once", func() bool {
		for i := range u.asked {
			if u.asked[i].Load() == 0 {
				return false
			}
		}
		return true
	})

	begin, before := time.Now(), u.counts()
	eventually(t, "three rounds", func() bool { return sum(u.counts())-sum(before) >= rounds*streams })
	after, seconds := u.counts(), int(time.Since(begin)/time.Second)
	for i := range after {
		if n := after[i] - before[i]; n < seconds/2 {
			t.Errorf("stream %d was asked %d times in %d s", i, n, seconds)
		}
	}
	t.Logf("%d polls in %v", sum(after)-sum(before), time.Since(begin))
	states := streamStates(t, p.url)
	for name, state := range states {
		if slow := name == "slow"; slow != (state.State != "live") || slow && state.Error != "timeout" {
			t.Errorf("%s is %s, error %q, after %d failures of %d", name, state.State, state.Error, state.Failures, state.Requests)
		}
	}
	if len(states) != streams+1 {
		t.Errorf("%d streams, want %d", len(states), streams+1)
	}
	p.stop(t)
}

// wideUpstream answers requests for /0, /1 and so on, and none for /slow. It is
// as cheap as can be, so that it is not what is measured.
type wideUpstream struct {
	url   string
	asked []atomic.Int64
}

func startWideUpstream(t *testing.T, paths int) *wideUpstream {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &wideUpstream{url: "http://" + listener.Addr().String() + "/", asked: make([]atomic.Int64, paths)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { u.serve(conn) })
		}
	})
	// The connections end with the process at the other end, which ends first.
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return u
}

func (u *wideUpstream) serve(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		path, isRequest := strings.CutPrefix(lines.Text(), "GET /")
		if !isRequest {
			continue // the rest of a request
		}
		var i int
		if _, err := fmt.Sscan(path, &i); err != nil {
			_, _ = io.Copy(io.Discard, conn) // it is slow
			return
		}
		u.asked[i].Add(1)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"+good)
	}
}

func (u *wideUpstream) counts() []int {
	counts := make([]int, len(u.asked))
	for i := range u.asked {
		counts[i] = int(u.asked[i].Load())
	}
	return counts
}

func sum(numbers []int) (total int) {
	for _, n := range numbers {
		total += n
	}
	return total
}

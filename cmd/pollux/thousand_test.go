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
// as that, or half as often where the machine is busy. A few more are slow, and
// one is silent: they delay nobody but themselves.
func TestThousandStreams(t *testing.T) {
	const (
		streams = 1000
		slow    = 4
		rounds  = 3
	)
	u := startWideUpstream(t, streams)
	settings := []string{"every: 1s"}
	entries := []string{entry("silent", u.url+"silent", settings...)}
	for i := range slow {
		entries = append(entries, entry(fmt.Sprintf("slow%d", i), u.url+"slow", "every: 1s", "timeout: 950ms"))
	}
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

	delays := func() (delay string) {
		begin, before := time.Now(), u.counts()
		eventually(t, "three rounds", func() bool { return sum(u.counts())-sum(before) >= rounds*streams })
		after, seconds := u.counts(), int(time.Since(begin)/time.Second)
		for i := range after {
			if n := after[i] - before[i]; n < seconds/2 {
				return fmt.Sprintf("stream %d was asked %d times in %d s", i, n, seconds)
			}
		}
		t.Logf("%d polls in %v", sum(after)-sum(before), time.Since(begin))
		states := streamStates(t, p.url)
		if want := streams + slow + 1; len(states) != want {
			t.Fatalf("%d streams, want %d", len(states), want)
		}
		for name, state := range states {
			if strings.HasPrefix(name, "slow") {
				continue // it may be too slow at times
			}
			if silent := name == "silent"; silent != (state.State != "live") || silent && state.Error != "timeout" {
				delay = fmt.Sprintf("%s is %s, error %q, after %d failures of %d", name, state.State, state.Error, state.Failures, state.Requests)
			}
		}
		return delay
	}
	// A machine that is busier than that for some seconds is asked again: streams that delay others do so always.
	for begin := time.Now(); ; {
		delay := delays()
		if delay == "" {
			break
		}
		if t.Log(delay); time.Since(begin) > longEnough {
			t.Fatal("it never was better")
		}
	}
	p.stop(t)
}

// wideUpstream answers requests for /0, /1 and so on at once, for /slow late, and
// for anything else never. It is as cheap as can be, so that it is not what is
// measured.
type wideUpstream struct {
	url   string
	asked []atomic.Int64
}

// slowness is how long the slow answer takes, most of its interval.
const slowness = 900 * time.Millisecond

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
		if strings.HasPrefix(path, "slow ") {
			time.Sleep(slowness)
		} else if _, err := fmt.Sscan(path, &i); err != nil {
			_, _ = io.Copy(io.Discard, conn)
			return
		} else {
			u.asked[i].Add(1)
		}
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

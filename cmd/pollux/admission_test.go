package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The bounds on clients and connections, against the running program.

// bounded is a configuration of the push stream "news" with these settings.
func bounded(settings ...string) string {
	return "listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\ndrain: 50ms\nlog_format: json\npublish_token: thyme\n" +
		strings.Join(settings, "\n") + "\nstreams:\n  - name: news\n    push: true\n"
}

// knock opens a connection and sends a request.
func (p *process) knock(t *testing.T, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n") // unless it was closed
	return conn
}

// answers reports whether the server has answered well and keeps the connection.
func answers(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(longEnough)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	return err == nil && resp.StatusCode == http.StatusOK && resp.Header.Get("Content-Length") == ""
}

// metric returns the sum of the samples of a metric whose labels match.
func (p *process) metric(t *testing.T, name, labels string) (sum float64) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^`+name+labels+` (\S+)$`).FindAllStringSubmatch(getOK(t, p.admin+"/metrics"), -1) {
		value, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += value
	}
	return sum
}

func TestMaxClientsOfTheProgram(t *testing.T) {
	t.Parallel()
	const most, more = 3, 12
	p := startProcess(t, testBinary, bounded(fmt.Sprintf("max_clients: %d", most)))
	inside := 0
	for range more {
		if answers(t, p.knock(t, "/api/sse?stream=news")) {
			inside++
		}
	}
	clients, told := p.metric(t, "pollux_clients", ""), streamStates(t, p.url)["news"].Clients
	if inside != most || clients != most || told != most || p.metric(t, "pollux_refusals_total", ".*") != more-most {
		t.Errorf("%d of %d are inside, pollux_clients says %v and /api/streams %d, want %d", inside, more, clients, told, most)
	}
}

// isOpen reports whether the server has not closed a connection.
func isOpen(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) // what fails is the read
	_, err := io.Copy(io.Discard, conn)
	return err != nil && os.IsTimeout(err)
}

func TestMaxConnectionsOfTheProgram(t *testing.T) {
	t.Parallel()
	const most, more = 8, 40
	p := startProcess(t, testBinary, bounded(fmt.Sprintf("max_connections: %d", most)))
	var conns []net.Conn
	for range more {
		conns = append(conns, p.knock(t, "/livez"))
	}
	open := func() (n int) {
		for _, conn := range conns {
			if isOpen(conn) {
				n++
			}
		}
		return n
	}
	eventually(t, "few are open", func() bool { return open() <= most })
	if told := p.metric(t, "pollux_connections", ""); told > most+1 { // and that of the admin address
		t.Errorf("pollux_connections says %v", told)
	}
	if gone := p.metric(t, "pollux_connections_refused_total", ".*"); gone < more-most {
		t.Errorf("%v were closed for want of room", gone)
	}
	eventually(t, "those are let go", func() bool { return open() <= most/4 })
}

// A client that takes less than the least rate is closed, and so is one that takes
// nothing.
func TestPaceOfTheProgram(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"min_rate: 1000000", "min_rate: 1"} {
		p := startProcess(t, testBinary, bounded("write_timeout: 1s", "heartbeat: 1h", setting))
		conn := p.knock(t, "/api/sse?stream=news")
		eventually(t, "the client is inside", func() bool { return p.metric(t, "pollux_clients", "") == 1 })
		for range 12 {
			publish(t, p.url, "news", "thyme", `"`+strings.Repeat("x", 1_000_000)+`"`)
		}
		var reading atomic.Bool
		reading.Store(setting != "min_rate: 1")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for piece := make([]byte, 4<<10); reading.Load(); time.Sleep(20 * time.Millisecond) {
				if _, err := conn.Read(piece); err != nil {
					return
				}
			}
		}()
		eventually(t, setting+": the client is closed", func() bool {
			return p.metric(t, "pollux_disconnects_total", `\{reason="slow"\}`) == 1
		})
		reading.Store(false)
		<-done
	}
}

func TestMaxAgeOfTheProgram(t *testing.T) {
	t.Parallel()
	p := startProcess(t, testBinary, bounded("max_age: 1s"))
	conn := p.knock(t, "/api/sse?stream=news")
	if err := conn.SetReadDeadline(time.Now().Add(longEnough)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Error(err)
	}
	eventually(t, "its end is told", func() bool { return p.logged("stream closed", "reason") == "age" })
	if address, streams := p.logged("stream closed", "address"), p.logged("stream closed", "streams"); address != "127.0.0.1" || streams != "[news]" {
		t.Errorf("the log says %s, %s", address, streams)
	}
}

// withDescriptors returns a command like the program, which has so many descriptors.
func withDescriptors(t *testing.T, descriptors int) string {
	t.Helper()
	few := filepath.Join(t.TempDir(), "few")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec %s \"$@\"\n", descriptors, testBinary)
	if err := os.WriteFile(few, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return few
}

// Streams that are more than the descriptors share connections to their upstreams: all
// are polled, and each request is answered.
func TestMoreUpstreamsThanDescriptors(t *testing.T) {
	t.Parallel()
	const descriptors, streams = 64, 100
	u := startUpstream(t, answersWell, always(good))
	entries := make([]string, streams)
	for i := range entries {
		entries[i] = entry(fmt.Sprintf("s%d", i), u.url(), "every: 500ms", "headers: {X-Api-Key: "+secret+"}")
	}
	p := startProcess(t, withDescriptors(t, descriptors), configuration(entries...))
	least := func() int {
		least := math.MaxInt
		for _, s := range streamStates(t, p.url) {
			least = min(least, s.Requests)
		}
		return least
	}
	eventually(t, "all are polled", func() bool { return least() > 3 })
	for range 20 {
		p.knock(t, "/api/sse?stream=s0")
	}
	polled := least()
	eventually(t, "all are polled on", func() bool { return least() > polled+3 })
	getOK(t, p.url+"/healthz")
	if failures := p.metric(t, "pollux_accept_errors_total", ""); failures != 0 {
		t.Errorf("accept has failed %v times", failures)
	}
	p.stop(t)
}

// With few descriptors, and more connections of each bad kind than there are of
// them, polls go on, and health and the admin address answer.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	for _, descriptors := range []int{100, 256} {
		t.Run(strconv.Itoa(descriptors), func(t *testing.T) { testFewDescriptors(t, descriptors) })
	}
}

func testFewDescriptors(t *testing.T, descriptors int) {
	u := startUpstream(t, answersWell, always(good))
	p := startProcess(t, withDescriptors(t, descriptors), configuration(entry("news", u.url(), "every: 100ms", "headers: {X-Api-Key: "+secret+"}"))+"max_clients: 1000000\n")
	if told := p.logged("too few descriptors for --max-clients", "asked"); told != "1e+06" {
		t.Errorf("the log says of what was asked for: %q", told)
	}
	for range descriptors {
		p.knock(t, "/livez")
		p.knock(t, "/api/sse?stream=news")
		p.knock(t, "/api/latest?stream=news&wait=60s&after=x")
		conn := p.knock(t, "/livez")
		_, _ = io.WriteString(conn, "and half a line")
	}
	requests := streamStates(t, p.url)["news"].Requests
	eventually(t, "polls go on", func() bool { return streamStates(t, p.url)["news"].Requests > requests+3 })
	for range 5 {
		getOK(t, p.url+"/healthz")
		getOK(t, p.admin+"/metrics")
	}
	if failures := p.metric(t, "pollux_accept_errors_total", ""); failures != 0 {
		t.Errorf("accept has failed %v times", failures)
	}
}

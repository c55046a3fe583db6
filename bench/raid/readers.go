package raid

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/bench/certificate"
	"github.com/polluxhub/pollux/bench/stat"
)

// readers are the clients that mean no harm. They read the stream default as lines of
// JSON, which say when the server made a document, and note how long it was on its way
// since then: to a millisecond, as the server says it.
type readers struct {
	stop    context.CancelFunc
	running sync.WaitGroup
	open    atomic.Int64
	ended   atomic.Int64 // connections that ended

	mu     sync.Mutex
	delays stat.Histogram
	got    int
}

// message returns when the server made the document of a line, if the line has one. It does
// not decode the line: with hundreds of readers that would take longer than what is measured.
func message(line []byte) (made time.Time, ok bool) {
	if !bytes.Contains(line, []byte(`"event":"message"`)) {
		return made, false
	}
	_, rest, _ := bytes.Cut(line, []byte(`"time":"`))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	made, err := time.Parse(time.RFC3339, string(text))
	return made, err == nil
}

// read starts so many readers, each with a connection of its own. tls says that the
// address speaks it.
func read(ctx context.Context, address string, count int, secure bool) *readers {
	ctx, stop := context.WithCancel(ctx)
	r := &readers{stop: stop}
	for range count {
		r.running.Go(func() {
			for ctx.Err() == nil {
				r.one(ctx, address, secure)
			}
		})
	}
	return r
}

// one makes one connection, and reads it to its end. An attempt that fails is repeated by the
// caller: thousands of clients that come at once do not all get in at the first one.
func (r *readers) one(ctx context.Context, address string, secure bool) {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: certificate.Any()}
	resp, err := get(ctx, &http.Client{Transport: transport}, url(address, secure, "/api/sse"), "application/x-ndjson")
	if err != nil {
		return
	}
	defer resp.Body.Close()
	r.open.Add(1)
	defer r.open.Add(-1)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		now := time.Now()
		made, ok := message(lines.Bytes())
		if !ok {
			continue
		}
		r.mu.Lock()
		r.delays.Add(now.Sub(made).Nanoseconds())
		r.got++
		r.mu.Unlock()
	}
	if ctx.Err() == nil {
		r.ended.Add(1)
	}
}

// take returns what was noted since the last call.
func (r *readers) take() (delays stat.Histogram, got int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delays, got = r.delays, r.got
	r.delays, r.got = stat.Histogram{}, 0
	return delays, got
}

func (r *readers) close() {
	r.stop()
	r.running.Wait()
}

func url(address string, secure bool, path string) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return ""
	}
	return scheme + "://" + address + path
}

func get(ctx context.Context, client *http.Client, target, accept string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := client.Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		err = fmt.Errorf("GET %s: %s", target, resp.Status)
	}
	return resp, err
}

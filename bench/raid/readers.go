package raid

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/bench/stat"
)

// readers are the clients that mean no harm. They read the stream default as lines of
// JSON, which say when the server made a document, and note how long it was on its way
// since then: to a millisecond, as the server says it.
type readers struct {
	stop    context.CancelFunc
	running sync.WaitGroup
	open    atomic.Int64
	failed  atomic.Int64 // connections that ended

	mu     sync.Mutex
	delays stat.Histogram
	got    int
}

// line is a line of JSON that they read.
type line struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
}

// read starts so many readers, each with a connection of its own. tls says that the
// address speaks it.
func read(ctx context.Context, address string, count int, secure bool) *readers {
	ctx, stop := context.WithCancel(ctx)
	r := &readers{stop: stop}
	for range count {
		r.running.Go(func() {
			for ctx.Err() == nil {
				if err := r.one(ctx, address, secure); err != nil && ctx.Err() == nil {
					r.failed.Add(1)
				}
			}
		})
	}
	return r
}

// one makes one connection, and reads it to its end.
func (r *readers) one(ctx context.Context, address string, secure bool) error {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the server of this run
	resp, err := get(ctx, &http.Client{Transport: transport}, url(address, secure, "/api/sse"), "application/x-ndjson")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	r.open.Add(1)
	defer r.open.Add(-1)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		now := time.Now()
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil || l.Event != "message" {
			continue
		}
		r.mu.Lock()
		r.delays.Add(now.Sub(l.Time).Nanoseconds())
		r.got++
		r.mu.Unlock()
	}
	return fmt.Errorf("raid: a stream ended: %w", lines.Err())
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

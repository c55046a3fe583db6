package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// smallDisk mounts a disk of its own, of 16 MB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("pollux", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillDisk takes all the room of a disk, until the file is removed.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A store that works, has no room, and works again.
func countersOfStore(t *testing.T, shown *cases) {
	var polls atomic.Int32
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, polls.Add(1))
	}))
	t.Cleanup(upstream.Close)
	disk := smallDisk(t)
	c := shown.start(t, 0, `listen: 127.0.0.1:0
drain: 50ms
publish_token: thyme
data: `+filepath.Join(disk, "data")+`
streams:
  - {name: news, push: true, history: 2}
  - {name: polled, url: '`+upstream.URL+`', every: 24h, poll_token: rosemary}
`)
	c.await(t, "store_working", 1)
	c.await(t, "store_epochs_total", 1)
	c.awaitAny(t, `history_events{stream="polled"}`)
	c.awaitAny(t, "store_append_seconds_count") // the document may come before its append has ended
	before := c.metrics(t)["store_append_seconds_count"]
	const documents = 30
	for i := range documents {
		c.publish(t, "news", fmt.Sprint(i))
	}
	c.await(t, "store_append_seconds_count", before+documents)
	c.awaitAny(t, "store_messages")
	c.awaitAny(t, "store_bytes")
	c.awaitAny(t, "store_trims_total")

	other := filepath.Join(disk, "other")
	fillDisk(t, other)
	large := `"` + strings.Repeat("x", 100_000) + `"`
	refused := float64(0)
	eventually(t, "a document is refused", func() bool {
		status := c.post(t, "/api/streams/news/events", large, "Authorization: Bearer thyme\r\n")
		if status == http.StatusInsufficientStorage {
			refused++
		}
		return refused > 0
	})
	c.await(t, `store_refused_total{reason="full"}`, refused)
	c.await(t, "store_failures_total", 1)
	c.await(t, "store_working", 0)
	c.await(t, "store_messages", 0)
	if answer := c.ask(t, "/readyz"); answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), "log_full") {
		t.Errorf("/readyz says %d %s", answer.Code, answer.Body)
	}
	if status := c.post(t, "/api/streams/polled/poll", "1", "Authorization: Bearer rosemary\r\n"); status != http.StatusAccepted {
		t.Fatalf("polling now: %d", status)
	}
	c.await(t, "store_remembered_total", 1)
	eventually(t, "the newest document is that of the last poll", func() bool {
		return strings.TrimSpace(c.ask(t, "/api/latest?stream=polled").Body.String()) == fmt.Sprint(polls.Load())
	})
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	c.await(t, "store_working", 1)
	c.end()
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a client that resumes gets is what the file says of the stream: by default the
// newest document alone of a polled stream that it missed much of, and every document of
// a stream that is published to. A reload puts what the file says then in force.
func TestReplaySettings(t *testing.T) {
	expectNoLeak(t)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%d%030000d", min(asked.Add(1), 3), 0)
	}))
	t.Cleanup(server.Close)
	config := func(settings string) string {
		return `listen: 127.0.0.1:0
drain: 0s
publish_token: thyme
streams:
  - {name: polled, url: "` + server.URL + `", every: 24h, timeout: 1m, poll_token: rosemary` + settings + `}
  - {name: pushed, push: true}
  - {name: few, push: true, replay: auto, replay_events: 3}
  - {name: small, push: true, replay: auto, replay_bytes: 3}
  - {name: newest, push: true, replay: latest}
`
	}
	c := startCounted(t, 0, config(""))
	defer func() {
		c.end()
		if err := <-c.ended; err != nil {
			t.Error(err)
		}
	}()
	for n := range 3 {
		c.await(t, `poll_duration_seconds_count{stream="polled"}`, float64(n+1))
		if n < 2 {
			c.post(t, "/api/streams/polled/poll", "", "Authorization: Bearer rosemary\r\n")
		}
	}
	for _, stream := range []string{"pushed", "few", "small", "newest"} {
		for i := range 3 {
			c.publish(t, stream, fmt.Sprint(i+1))
		}
	}
	c.publish(t, "few", "4")
	c.publish(t, "small", "4")
	epoch, _, _ := strings.Cut(c.program.Hub().Position().String(), "-")

	// got returns what a client gets that has nothing yet and resumes.
	got := func(query string) string {
		t.Helper()
		one := c.open(t, query, "Last-Event-ID: "+epoch+"-0\r\n")
		one.answer(t)
		var all []string
		for {
			e, err := one.stream.Next()
			if err == io.EOF {
				return strings.Join(all, " ")
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, strings.TrimSpace(e.Name+" "+strings.TrimRight(string(e.Data), "0")))
		}
	}
	const all = "1 2 3" // without their zeros
	for query, want := range map[string]string{
		"stream=polled&limit=1":            `reset {"reason":"skipped","skipped":2} 3`,
		"stream=polled&replay=all&limit=3": all,
		"stream=pushed&limit=3":            "1 2 3",
		"stream=few&limit=1":               `reset {"reason":"skipped","skipped":3} 4`,
		"stream=small&limit=1":             `reset {"reason":"skipped","skipped":3} 4`,
		"stream=newest&limit=1":            `reset {"reason":"skipped","skipped":2} 3`,
	} {
		if diff := cmp.Diff(want, got(query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	c.await(t, `skipped_total{stream="polled"}`, 2)
	c.await(t, `skipped_total{stream="few"}`, 3)
	c.await(t, `resumes_total{result="skipped"}`, 4)

	c.configure(t, config(", replay: all"))
	if _, err := c.program.reload(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, got("stream=polled&limit=3")); diff != "" {
		t.Errorf("after a reload (-want +got):\n%s", diff)
	}
}

package handlers_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
)

// A follower gets gzip if it wants that, and can read each event before the next one.
func TestFollowIsCompressed(t *testing.T) {
	for coding, want := range map[string]string{"gzip": "gzip", "identity": "", "": ""} {
		t.Run(coding, func(t *testing.T) {
			r := newRig(t, setup{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			resp, lines := follow(ctx, t, r, coding)
			defer resp.Body.Close()
			if got := resp.Header.Get("Content-Encoding"); got != want || !strings.Contains(resp.Header.Get("Vary"), "Accept-Encoding") {
				t.Fatalf("Content-Encoding %q, Vary %q", got, resp.Header.Get("Vary"))
			}
			next := func(part string) {
				t.Helper()
				for lines.Scan() {
					if strings.Contains(lines.Text(), part) {
						return
					}
				}
				t.Fatalf("no line with %q: %v", part, lines.Err())
			}
			next(`"hello"`)
			next(`"begin"`)
			for _, document := range []string{`"one"`, `"` + strings.Repeat("long ", 50_000) + `"`, `"two"`} {
				r.broadcastTo("default", document)
				next(document)
			}
		})
	}
}

// Without compression a follower gets none, whatever it wants.
func TestFollowWithoutCompression(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{DisableCompression: true}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp, lines := follow(ctx, t, r, "gzip")
	defer resp.Body.Close()
	if resp.Header.Get("Content-Encoding") != "" || !lines.Scan() || !strings.Contains(lines.Text(), "hello") {
		t.Errorf("Content-Encoding %q, line %q", resp.Header.Get("Content-Encoding"), lines.Text())
	}
}

// follow reads everything, and returns the lines as they are before they were compressed.
func follow(ctx context.Context, t *testing.T, r *rig, coding string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/api/follow", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if coding != "" {
		req.Header.Set("Accept-Encoding", coding)
	}
	transport := &http.Transport{
		DisableCompression: true, DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return r.connect(), nil },
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(resp.Body)
	lines := bufio.NewScanner(body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		lines = bufio.NewScanner(unpacked)
	}
	lines.Buffer(nil, 1<<20)
	return resp, lines
}

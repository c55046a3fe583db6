package handlers_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
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

// A client that may not follow is told so at once, before it has sent its body, which may have 4 MiB.
func TestFollowReadsNoBodyOfStrangers(t *testing.T) {
	r := newRig(t, newGuard(t).setup)
	for target, want := range map[string]int{"/api/follow": http.StatusUnauthorized, "/api/follow/unknown": http.StatusNotFound} {
		conn := r.connect()
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST "+target+" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\nContent-Length: 4000000\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", target, resp.Status, want)
		}
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

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// trialUpstream answers as several upstreams do.
func trialUpstream(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/items", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != "hunter2hunter2" {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("ETag", `"7"`)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Poll-Interval", "90")
		_, _ = io.WriteString(w, `{"items": [{"id": 1, "time": 5, "a": "\u001b"}, {"id": 2, "time": 6, "a": "`+"\x7f"+`"}], "at": 9}`)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/items?token=hunter2hunter2", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title>")
	})
	mux.HandleFunc("/quotes", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"%s": {"price": 5}}`, r.URL.Query().Get("symbols"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// trialFile writes a configuration with several streams.
func trialFile(t *testing.T, upstream string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	text := strings.ReplaceAll(`canary: 1s
streams:
  - name: items
    url: UP/moved?key=hunter2hunter2
    headers: {X-Api-Key: hunter2hunter2}
    select: .items
    ignore: ["/*/time", /none]
    key: /id
    every: 10s
  - {name: page, url: UP/page}
  - {name: locked, url: UP/items}
  - name: quotes
    url: UP/quotes?symbols={keys}
    keys: {match: "[A-Z]+", batch: 5, split: "to_entries[]"}
  - {name: pushed, push: true}
`, "UP", upstream)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// tryOut runs a command line, and returns the exit status and what it has written, without
// what differs each time.
func tryOut(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	status = run(t.Context(), nil, args, &out, &errs)
	if strings.Contains(out.String()+errs.String(), "hunter2") {
		t.Errorf("a secret is shown:\n%s%s", out.String(), errs.String())
	}
	durations := regexp.MustCompile(`[0-9.]+(µs|ms|s)\b`)
	return status, out.String(), durations.ReplaceAllString(errs.String(), "0s")
}

// TestTry asks upstreams that answer as they should, and shows all that a person needs who
// sets a stream up.
func TestTry(t *testing.T) {
	upstream := trialUpstream(t)
	file := trialFile(t, upstream)
	status, stdout, stderr := tryOut(t, "try", "items", "--config", file)
	if status != exitOK || stderr != "" {
		t.Errorf("status %d: %s", status, stderr)
	}
	for _, want := range []string{
		"stream    items\n",
		"request   GET " + upstream + "/moved?key=",
		"answer    HTTP/1.1 301 Moved Permanently\n",
		"request   GET " + upstream + "/items?token=",
		"answer    HTTP/1.1 200 OK\n",
		"          ETag: \"7\"\n          X-Poll-Interval: 90\n",
		"time      ", "connect ", "first byte ", ", all ",
		"body      89 bytes\n",
		"document  {\n            \"items\": [\n",
		`"a": "\u001b"`, `"a": "\u007f"`,
		"select    [\n",
		"ignore    /*/time: 2 values\nignore    /none: no value\n",
		"key       /id: identifies the elements of 1 array, and not those of 0\n",
		"notice    the upstream has moved to another path for good: it answers 301 Moved Permanently, so url should change\n",
		"next poll after 1m30s (X-Poll-Interval: 90)\n",
		"result    OK\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

// TestTryFails asks upstreams that give no document, and streams that cannot be asked.
func TestTryFails(t *testing.T) {
	upstream := trialUpstream(t)
	file := trialFile(t, upstream)
	const names = "items, page, locked, quotes"
	for _, test := range []struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		{[]string{"page", "--config", file}, exitFailure, "next poll after 5s (every; longer after each further failure)\nresult    failed, invalid_json: the answer is not one JSON document",
			"pollux: page: invalid_json: the answer is not one JSON document: not JSON: at byte 0, want a value; it is an HTML page, and begins <!doctype html><title>Sign in</title>: the stream would publish nothing\n"},
		{[]string{"locked", "--config", file}, exitFailure, "answer    HTTP/1.1 401 Unauthorized\n",
			"pollux: locked: http_401: the upstream answered 401 Unauthorized: invalid_token: the stream would publish nothing\n"},
		{[]string{"quotes/BTC", "--config", file}, exitOK, "key       BTC {\n            \"price\": 5\n          }\n", ""},
		{[]string{"quotes", "--config", file}, exitUsage, "", "pollux: stream \"quotes\": want 1 to 5 keys\n"},
		{[]string{"items/1", "--config", file}, exitUsage, "", "pollux: stream \"items\" has no keys\n"},
		{[]string{"pushed", "--config", file}, exitUsage, "", "pollux: the stream pushed is only published to, and has no upstream\n"},
		{[]string{"nobody", "--config", file}, exitUsage, "", "pollux: there is no stream \"nobody\": there are " + names + "\n"},
		{[]string{"--config", file}, exitUsage, "", "pollux: which stream? There are " + names + "\n"},
		{[]string{"--url", upstream + "/items", "--header", "X-Api-Key: hunter2hunter2"}, exitOK, "next poll after 1m30s (X-Poll-Interval: 90)\nresult    OK\n", ""},
		{[]string{"--url", "ftp://a"}, exitUsage, "", ""},
		{nil, exitOK, "stream    default\n", ""}, // the mock
	} {
		status, stdout, stderr := tryOut(t, append([]string{"try"}, test.args...)...)
		if status != test.status || !strings.Contains(stdout, test.stdout) || test.stderr != "" && stderr != test.stderr || test.status == exitOK && stderr != "" {
			t.Errorf("%q: status %d, want %d\n%s\n%s", test.args, status, test.status, stdout, stderr)
		}
	}
}

// TestTryOAuth2 shows that a token was fetched, and neither the token nor the secret.
func TestTryOAuth2(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if _, secret, _ := r.BasicAuth(); secret != "hunter2hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error": "invalid_client", "error_description": "not %s"}`, secret)
			return
		}
		_, _ = io.WriteString(w, `{"access_token": "hunter2token", "token_type": "Bearer", "expires_in": 3600}`)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer hunter2token" {
			_, _ = io.WriteString(w, `{"n": 1}`)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	upstream := httptest.NewServer(mux)
	t.Cleanup(upstream.Close)
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	for _, test := range []struct {
		secret string
		status int
		want   []string
	}{
		{"hunter2hunter2", exitOK, []string{
			"request   POST " + upstream.URL + "/token?tenant=***\nanswer    HTTP/1.1 200 OK\n          a token was fetched, valid for 1h0m0s\n" +
				"request   GET " + upstream.URL + "\nanswer    HTTP/1.1 200 OK\n",
			"result    OK\n",
		}},
		{"hunter2wrong", exitFailure, []string{
			"answer    HTTP/1.1 401 Unauthorized\n",
			"result    failed, token: no token: the token endpoint answered 401 Unauthorized: invalid_client; if it wants ID and secret in the body, set auth_style: body\n",
		}},
	} {
		text := "streams: [{name: a, url: '" + upstream.URL + "', oauth2: {token_url: '" + upstream.URL + "/token?tenant=5', client_id: b, client_secret: " + test.secret + "}}]"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		status, stdout, stderr := tryOut(t, "try", "--config", file)
		if status != test.status {
			t.Errorf("status %d: %s", status, stderr)
		}
		for _, want := range test.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("no %q in\n%s", want, stdout)
			}
		}
	}
}

// TestProbe asks the upstreams of all streams.
func TestProbe(t *testing.T) {
	file := trialFile(t, trialUpstream(t))
	status, stdout, stderr := tryOut(t, "check", "--probe", file)
	for _, want := range []string{
		file + ": OK, 5 streams and the canary\nitems: OK, 58 bytes in ",
		"\npage: failed, invalid_json: ", "\nlocked: failed, http_401: ",
		"\nquotes: not asked, because it has keys: ask for one with pollux try quotes/KEY\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if status != exitFailure || stderr != "pollux: of 5 streams, 2 would publish nothing\n" || strings.Contains(stdout, "pushed") {
		t.Errorf("status %d: %s\n%s", status, stderr, stdout)
	}
	if status, _, stderr := tryOut(t, "check", "--probe", "--no-env", file); status != exitUsage {
		t.Errorf("status %d: %s", status, stderr)
	}
}

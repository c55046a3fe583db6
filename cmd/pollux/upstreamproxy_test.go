package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpstreamProxy asks an upstream that only a proxy knows: with the flag, the variable,
// and the top of the file.
func TestUpstreamProxy(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " ")
		asked = append(asked, r.URL.String()+" "+password)
		_, _ = io.WriteString(w, `{"n": 1}`)
	}))
	t.Cleanup(proxy.Close)
	address := strings.Replace(proxy.URL, "://", "://user:hunter2@", 1)
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const url = "http://upstream.example.invalid/a"
	const header = "dXNlcjpodW50ZXIy" // user:hunter2
	const stream = "streams: [{name: a, url: '" + url + "'}]"
	for _, test := range []struct {
		text     string
		variable string
		args     []string
		status   int
	}{
		{"", "", []string{"--url", url}, exitFailure},
		{"", "", []string{"--url", url, "--proxy", address}, exitOK},
		{"", address, []string{"--url", url}, exitOK},
		{"", address, []string{"--url", url, "--proxy", "none"}, exitFailure},
		{stream, "", []string{"--config", file, "--proxy", address}, exitOK},
		{stream, address, []string{"--config", file}, exitOK},
		{"proxy: " + address + "\n" + stream, "", []string{"--config", file}, exitOK},
		{"proxy: " + address + "\n" + stream, "", []string{"--config", file, "--proxy", "none"}, exitFailure},
		{"", "", []string{"--url", url, "--proxy", "socks5://user:hunter2@a"}, exitUsage},
	} {
		write(test.text)
		t.Setenv("POLLUX_PROXY", test.variable)
		asked = nil
		status, stdout, stderr := tryOut(t, append([]string{"try"}, test.args...)...)
		if status != test.status || (len(asked) == 1) != (status == exitOK) {
			t.Errorf("%q %s: status %d after %q\n%s%s", test.text, test.args, status, asked, stdout, stderr)
		}
		if status == exitOK && asked[0] != url+" "+header {
			t.Errorf("%s: asked %q", test.args, asked)
		}
	}
}

package handlers_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
)

// One error names each invalid option.
func TestOptions(t *testing.T) {
	_, err := handlers.New(handlers.Options{MaxBody: -1, CompressedBytes: -1, AllowOrigins: []string{"*", "https://example.com", "", "https://example.com/"}})
	want := lines("handlers: Hub, Engine and Assets must be set",
		"handlers: MaxBody is -1, want at least 1, or 0 for 1048576",
		"handlers: CompressedBytes is -1, want at least 1, or 0 for 8388608",
		`handlers: "" in AllowOrigins: want an origin such as https://example.com, or *`,
		`handlers: "https://example.com/" in AllowOrigins: want no more than https://HOST or https://HOST:PORT: an origin has no path, and no slash at its end`)
	if err == nil {
		t.Fatal("no error")
	}
	same(t, "error", err.Error(), want)
}

// An origin that no browser sends can never match. It is refused, with a description of
// a valid one.
func TestCheckOrigin(t *testing.T) {
	for _, origin := range []string{"*", "http://localhost:8080", "https://[::1]:8443", "https://example.com", "https://example.com:443",
		"HTTPS://EXAMPLE.COM", "https://example.com.", "http://192.0.2.1", "https://xn--mnchen-3ya.example", "http://my_host:3000", "https://a:65535", "http://1.example"} {
		if err := handlers.CheckOrigin(origin); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
	const (
		form     = "want an origin such as https://example.com, or *"
		scheme   = "want an origin that begins with https:// or http://"
		path     = "want no more than https://HOST or https://HOST:PORT: an origin has no path, and no slash at its end"
		user     = "want no more than https://HOST or https://HOST:PORT: an origin has no user"
		patterns = "want each origin by itself, or * alone for all: there are no patterns"
		port     = "want a port from 1 to 65535, or none"
		ascii    = "want the host as browsers send it, which is in ASCII and begins with xn--"
		four     = "want an IPv4 address as four numbers, such as http://192.0.2.1"
		six      = "want an IPv6 address between brackets, such as http://[::1]:8080"
	)
	for origin, want := range map[string]string{
		"": form, "example.com": form, "localhost:3000": form, "https://": form, "https:example.com": form, " https://example.com": form,
		"https://example.com ": form, "https://exa mple.com": form, "https://example.com\n": form, "https://:443": form, "https://a..b": form,
		"https://.a": form, "https://a,https://b": path, "https://a,b": form, "https://a|b": form, "https:///": form, "https://a\\b": form,
		"null":              "want * or an origin such as https://example.com: null is what every sandboxed page is, and every file",
		"ftp://example.com": scheme, "file:///": form, "file://a": scheme, "ws://example.com": scheme, "chrome-extension://abc": scheme, "*://example.com": scheme,
		"https://example.com/": path, "https://example.com/app": path, "https://example.com?x": path, "https://example.com#x": path,
		"https://user@example.com": user, "https://user:secret@example.com": user,
		"https://*.example.com": patterns, "https://*": patterns, "https://example.com:*": patterns,
		"https://example.com:": port, "https://example.com:0": port, "https://example.com:65536": port, "https://example.com:x": port, "https://a:-1": port, "https://::1": form,
		"https://münchen.example": ascii,
		"http://127.1":            four, "http://1": four, "http://0x7f000001": four, "http://1.2.3.256": four, "http://1.2.3.4.": four,
		"http://[::1": six, "http://[]": six, "http://[1.2.3.4]": six, "http://[fe80::1%25eth0]": six, "http://[::g]": six,
	} {
		err := handlers.CheckOrigin(origin)
		if err == nil {
			t.Errorf("%q is taken", origin)
			continue
		}
		same(t, origin, err.Error(), want)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%v tells a secret", err)
		}
	}
}

// Logger and Upstreams are optional. Without them, all streams are only published to,
// and the log is the default one.
func TestDefaults(t *testing.T) {
	r := newRig(t, setup{})
	everybodys := slog.Default()
	defer slog.SetDefault(everybodys)
	slog.SetDefault(slog.New(slog.NewTextHandler(r.log, nil)))
	handler, err := handlers.New(handlers.Options{Hub: r.hub, Engine: r.engine, Assets: assets})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "MaxBody", handlers.DefaultMaxBody, 1<<20)
	same(t, "CompressedBytes", handlers.DefaultCompressedBytes, 8<<20)
	status, body := serve(t, handler, "GET", "/api/streams", "", "")
	same(t, "status", status, 200)
	if !strings.Contains(body, `"every":null`) {
		t.Errorf("streams: %s", body)
	}
	// A ResponseWriter without deadlines cannot serve, and the log says so.
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/livez", nil))
	same(t, "status", w.Code, 500)
	same(t, "body", w.Body.String(), `{"title":"Internal Server Error","status":500}`)
	if !r.log.Contains("request failed") {
		t.Errorf("log:\n%s", r.log)
	}
}

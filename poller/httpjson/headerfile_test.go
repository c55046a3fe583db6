package httpjson_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// TestHeaderFiles has a token that is rotated while a source is in use, as Kubernetes does.
func TestHeaderFiles(t *testing.T) {
	var seen []string
	valid := "first"
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		got := r.Header.Get("Authorization")
		seen = append(seen, got)
		if got != "Bearer "+valid {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "the token is "+valid)
	})
	folder := t.TempDir()
	file := filepath.Join(folder, "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(" first\n")
	s := newSource(t, httpjson.Options{
		URL: server.URL, Header: http.Header{"Authorization": {"Bearer old"}},
		HeaderFiles: map[string]httpjson.HeaderFile{"authorization": {Path: file, Prefix: "Bearer "}},
	})
	fetch := func(want string) {
		t.Helper()
		reading, err := s.Fetch(t.Context(), poller.Version{})
		if class(t, err) != want {
			t.Errorf("%v, want class %q", err, want)
		}
		if err == nil && strings.Contains(reading.Looks(), valid) {
			t.Errorf("the token is shown: %s", reading.Looks())
		}
	}
	fetch("")
	write("second-one")
	fetch("http_401") // it is sent before it is valid
	valid = "second-one"
	fetch("")
	write("") // somebody is writing it
	fetch("")
	write("a\x00b")
	fetch("")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	fetch("")
	write("third-one")
	valid = "third-one"
	fetch("")

	// A file that is changed within the resolution of its time is read again after a 401.
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	write("forth-one")
	if err := os.Chtimes(file, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	valid = "forth-one"
	fetch("http_401")
	fetch("")
	want := strings.Fields("first second-one second-one second-one second-one second-one third-one third-one forth-one")
	for i := range want {
		want[i] = "Bearer " + want[i]
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("sent (-want +got)\n%s", diff)
	}
}

// TestHeaderFilesRefused has files that are wrong at the start.
func TestHeaderFilesRefused(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"empty": " \n", "control": "a\nb", "good": "a"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range map[string]string{"X-A": "none", "X-B": "empty", "X-C": "control", "Te": "good", "a b": "good"} {
		opts := httpjson.Options{URL: "http://upstream.example", HeaderFiles: map[string]httpjson.HeaderFile{name: {Path: filepath.Join(folder, file)}}}
		if _, err := httpjson.New(opts); err == nil {
			t.Errorf("%s from %s: no error", name, file)
		}
	}
}

// TestHeaderFileBecomesAPipe replaces a file by a pipe, which would be waited for: what the
// file had goes on to count.
func TestHeaderFileBecomesAPipe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got string
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("X-Key")
		_, _ = io.WriteString(w, "1")
	})
	opts := httpjson.Options{URL: server.URL, HeaderFiles: map[string]httpjson.HeaderFile{"X-Key": {Path: file}}}
	s := newSource(t, opts)
	if err := errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil || got != "first" {
		t.Errorf("sent %q, %v", got, err)
	}
	if _, err := httpjson.New(opts); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Errorf("a pipe at the start: %v", err)
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// A changed file takes effect at SIGHUP and at POST /-/reload. Clients of a
// stream that stays as it is lose nothing, not even their connection, and nor
// does its upstream; who listens to one that goes is told; a file with a mistake
// changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	// A poll that a busy machine does not end in time has its connection closed, and its document is left out.
	plain := []string{"headers: {X-Api-Key: " + secret + "}", "every: 2s", "timeout: 1900ms"}
	selecting := slices.Concat(plain, []string{"select: '{m: .n}'"})
	kept := startUpstream(t, nil, counting)
	changed := startUpstream(t, nil, always(good))
	removed := startUpstream(t, nil, always(good))
	added := startUpstream(t, nil, always(good))
	keptEntry := entry("kept", kept.url(), plain...)
	p := startProcess(t, testBinary, configuration(
		keptEntry, entry("changed", changed.url(), plain...), entry("removed", removed.url(), plain...)))
	for _, name := range []string{"kept", "changed", "removed"} {
		eventually(t, name+" has a document", func() bool { return streamStates(t, p.url)[name].Events > 0 })
	}
	ofKept := startReader(t, p.url+"/api/sse?stream=kept")
	ofChanged := startReader(t, p.url+"/api/sse?stream=changed")
	ofRemoved := startReader(t, p.url+"/api/sse?stream=removed")
	ofBoth := startReader(t, p.url+"/api/sse?stream=changed,removed")
	ofChanged.expect(t, good)
	ofRemoved.expect(t, good)
	ofBoth.expectAnyOrder(t, "changed "+good, "removed "+good)

	p.configure(t, configuration(
		keptEntry, entry("changed", changed.url(), selecting...), entry("added", added.url(), plain...)))
	p.signal(t, syscall.SIGHUP)
	ofChanged.expect(t, `{"m":1}`)
	ofRemoved.expect(t, "status down removed")
	eventually(t, "the connection with nothing but the removed stream ends", func() bool { _, err := ofRemoved.all(); return err != nil })
	ofRemoved.expectEnd(t)
	ofBoth.expectAnyOrder(t, `changed {"m":1}`, "status down removed")
	eventually(t, "the new stream has a document", func() bool { return streamStates(t, p.url)["added"].Events == 1 })
	startReader(t, p.url+"/api/sse?stream=added").expect(t, good)
	if status, body := request(t, http.MethodGet, p.url+"/api/sse?stream=removed"); status != http.StatusNotFound || !strings.Contains(body, `["added","changed","kept"]`) {
		t.Errorf("a stream that was removed: %d %s", status, body)
	}
	expectKept(t, ofKept, kept)

	// Mistakes: a key that there is not, no streams, and no YAML.
	before, log := streamStates(t, p.url), "configuration not reloaded, the old one stays in force"
	for _, test := range []struct{ file, want string }{
		{configuration(keptEntry, entry("kept", kept.url(), "evry: 1s")), p.file + ":"},
		{"listen: 127.0.0.1:0\n", "no streams"},
		{"streams: [", p.file + ":"},
	} {
		p.configure(t, test.file)
		if status, body := request(t, http.MethodPost, p.admin+"/-/reload"); status != http.StatusUnprocessableEntity || !strings.Contains(body, test.want) {
			t.Errorf("a bad file: %d %s, want it to say %q", status, body, test.want)
		}
		told := strings.Count(p.log.String(), log)
		p.signal(t, syscall.SIGHUP)
		eventually(t, "the log says why", func() bool { return strings.Count(p.log.String(), log) > told })
	}
	if after := streamStates(t, p.url); len(after) != len(before) {
		t.Errorf("streams after a bad file: %v, before: %v", after, before)
	}
	changed.give(always(better))
	ofChanged.expect(t, `{"m":2}`)
	ofBoth.expect(t, `changed {"m":2}`)
	expectKept(t, ofKept, kept)

	// A file as it was first brings back what was there.
	p.configure(t, configuration(
		keptEntry, entry("changed", changed.url(), selecting...), entry("removed", removed.url(), plain...)))
	status, body := request(t, http.MethodPost, p.admin+"/-/reload")
	if want := `{"added":["removed"],"changed":[],"removed":["added"],"kept":2,"restart":[]}`; status != http.StatusOK || strings.TrimSpace(body) != want {
		t.Errorf("reloaded: %d %s, want %s", status, body, want)
	}
	startReader(t, p.url+"/api/sse?stream=removed").expect(t, good)
	expectKept(t, ofKept, kept)
	ofChanged.expectNoMore(t)
	p.stop(t)
}

// A reload with another default changes the streams that take it, and no others.
func TestReloadOfDefaults(t *testing.T) {
	t.Parallel()
	taking, own, pushed := startUpstream(t, nil, counting), startUpstream(t, nil, counting), "  - {name: pushed, push: true}\n"
	file := func(defaults string) string {
		return "defaults: " + defaults + "\n" + configuration(entry("taking", taking.url()), entry("own", own.url(), "select: '{n}'"), pushed)
	}
	const late = "every: 2s, timeout: 1900ms, headers: {X-Api-Key: " + secret + "}" // as a busy machine needs it
	p := startProcess(t, testBinary, file("{"+late+"}"))
	ofTaking, ofOwn := startReader(t, p.url+"/api/sse?stream=taking"), startReader(t, p.url+"/api/sse?stream=own")
	for _, r := range []*reader{ofTaking, ofOwn} {
		eventually(t, "a document", func() bool { heard, _ := r.all(); return len(heard) > 0 })
	}
	p.configure(t, file("{"+late+", select: '{m: .n}'}"))
	status, body := request(t, http.MethodPost, p.admin+"/-/reload")
	if want := `{"added":[],"changed":["taking"],"removed":[],"kept":2,"restart":[]}`; status != http.StatusOK || strings.TrimSpace(body) != want {
		t.Errorf("reloaded: %d %s, want %s", status, body, want)
	}
	eventually(t, "the default is in force", func() bool {
		heard, _ := ofTaking.all()
		return strings.HasPrefix(heard[len(heard)-1], `{"m":`)
	})
	expectKept(t, ofOwn, own)
	p.stop(t)
}

// expectKept checks that a stream goes on: two more documents come on the same
// connection, none was left out, and the upstream has one connection as well.
func expectKept(t *testing.T, r *reader, u *upstream) {
	t.Helper()
	before, _ := r.all()
	eventually(t, "two more documents", func() bool { now, err := r.all(); return len(now) >= len(before)+2 || err != nil })
	documents, err := r.all()
	if err != nil {
		t.Errorf("the connection ended: %v", err)
	}
	expectConsecutive(t, documents)
	if _, _, accepted := u.counted(); accepted != 1 {
		t.Errorf("%d connections upstream, want one", accepted)
	}
}

// expectConsecutive checks that these are all documents of an upstream that
// counts, from the first on.
func expectConsecutive(t *testing.T, documents []string) {
	t.Helper()
	if len(documents) == 0 {
		t.Fatal("no documents")
	}
	first := 0
	if _, err := fmt.Sscanf(documents[0], `{"n":%d}`, &first); err != nil {
		t.Fatalf("%v: %s", err, documents[0])
	}
	for i, got := range documents {
		if want := counting(first + i); got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
	}
}

// reloadChanges are streams before and after a reload.
var reloadChanges = []struct{ before, after string }{
	{"push: true", "push: true"},
	{"mock: true, every: 1h", "mock: true, every: 1h"},
	{"url: 'http://127.0.0.1:9/', every: 1h", "url: 'http://127.0.0.1:9/', every: 1h"},
	{"mock: true, every: 1h", "push: true"},
	{"push: true", "url: 'http://127.0.0.1:9/', every: 1h"},
	{"url: 'http://127.0.0.1:9/', every: 1h", "mock: true, every: 1h"},
	{"url: 'http://127.0.0.1:9/', every: 1h", "url: 'http://127.0.0.1:9/a', every: 1h"},
	{"mock: true, every: 1h", "mock: true, every: 2h"},
	{"push: true", "push: true, key: /id"},
	{"push: true, key: /id", "push: true, key: /name"},
	{"push: true", "push: true, history: 5"},
	{"mock: true, every: 1h, history_bytes: 5", "mock: true, every: 1h, history_bytes: 6"},
	{"mock: true, every: 1h, poll_token: a", "mock: true, every: 1h, poll_token: b"},
	{"mock: true, every: 1h", "mock: true, every: 1h, poll_secret: a"},
	{"mock: true, every: 1h", "mock: true, every: 1h, poll: on-demand"},
	{"url: 'http://127.0.0.1:9/', every: 1h", "url: 'http://127.0.0.1:9/', every: 1h, max_document: 5"},
	{"url: 'http://127.0.0.1:9/', every: 1h", "url: 'http://127.0.0.1:9/', every: 1h, conditional: false"},
	{"url: 'http://127.0.0.1:9/', every: 1h", "url: 'http://127.0.0.1:9/', every: 1h, headers: {A: b}"},
}

// A reload reports a stream as changed when anything of it has, and counts as kept only
// those that are as they were.
func TestReloadReport(t *testing.T) {
	expectNoLeak(t)
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	write := func(after bool) {
		var text strings.Builder
		text.WriteString("streams:\n")
		for i, change := range reloadChanges {
			settings := change.before
			if after {
				settings = change.after
			}
			fmt.Fprintf(&text, "- {name: s%d, %s}\n", i, settings)
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(false)
	c, _, err := parse([]string{"--config", file, "--listen", "127.0.0.1:0", "--drain", "0s"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProgram(t.Context(), &c.Serve, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, nil) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	var changed []string
	kept := 0
	for i, change := range reloadChanges {
		if change.before == change.after {
			kept++
		} else {
			changed = append(changed, fmt.Sprintf("s%d", i))
		}
	}
	for _, step := range []struct {
		after bool
		want  pollux.Change
	}{
		{false, pollux.Change{Changed: []string{}, Kept: len(reloadChanges)}},
		{true, pollux.Change{Changed: changed, Kept: kept}},
		{true, pollux.Change{Changed: []string{}, Kept: len(reloadChanges)}},
		{false, pollux.Change{Changed: changed, Kept: kept}},
	} {
		write(step.after)
		want := &reloaded{step.want, []string{}}
		want.Added, want.Removed = []string{}, []string{}
		got, err := p.reload()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
}

// A reload with a wrong certificate says what is in force, and what is not.
func TestReloadWithAWrongCertificate(t *testing.T) {
	expectNoLeak(t)
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	certFile, keyFile := listentest.NewCertificate(t).Files(t)
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf("tls_cert_file: %s\ntls_key_file: %s\nstreams:\n- {name: a, push: true}\n", certFile, keyFile)
	write(file, config)
	c, _, err := parse([]string{"--config", file, "--listen", "127.0.0.1:0"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p, err := assemble(&c.Serve, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	write(file, config+"- {name: b, push: true}\n")
	write(certFile, "garbage")
	_, err = p.reload()
	want := fmt.Sprintf("certificate %s with key %s: tls: failed to find any PEM data in certificate input; "+
		"want a certificate with its chain, and its private key, as PEM; all else is reloaded", certFile, keyFile)
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if names := p.Hub().StreamNames(); !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("streams: %v", names)
	}
}

// A reload that would let everybody read a stream says what would do, and changes nothing.
func TestReloadThatOpensAStream(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	write := func(more string) {
		text := "listen: 0.0.0.0:3000\ntokens: {secret: 0123456789abcdef0123456789abcdef, issuer: a, audience: b}\nstreams:\n- {name: a, push: true}\n" + more
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	c, _, err := parse([]string{"--config", file}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p, err := assemble(&c.Serve, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	write("- {name: b, push: true}\n- {name: c, push: true, access: public}\n")
	_, err = p.reload()
	want := file + ": listen is 0.0.0.0:3000, which other machines can reach, and nothing says that everybody may read c: " +
		"want access: token for it, or public: true and a restart"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if names := p.Hub().StreamNames(); !slices.Equal(names, []string{"a"}) {
		t.Errorf("streams: %v", names)
	}
}

// What nodes compare of a stream is the same after a reload that changes nothing, although the
// file does not have what flags and defaults say.
func TestReloadedStreamComparesAlike(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	if err := os.WriteFile(file, []byte("streams:\n- {name: a, push: true}\n- {name: b, url: 'http://127.0.0.1:1'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := parse([]string{"--config", file, "--listen", "127.0.0.1:0", "--nats", "nats://127.0.0.1:1", "--history", "7"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p, err := assemble(&c.Serve, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := p.flags.Load()
	if err != nil {
		t.Fatal(err)
	}
	streams, err := p.newStreams(loaded)
	if err != nil {
		t.Fatal(err)
	}
	for i, stream := range streams {
		if before := p.streams[i].Settings; stream.Settings != before || !strings.Contains(before, "history=") {
			t.Errorf("%s: %q, and %q after a reload", stream.Name, before, stream.Settings)
		}
	}
}

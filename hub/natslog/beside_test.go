package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/beside"
	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// newNode returns a log on a server elsewhere, which is not open.
func newNode(t *testing.T, url string, change func(*natslog.Options, *beside.Options)) *natslog.Log {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	server, opts := beside.Options{URLs: []string{url}, Logger: logger}, natslog.Options{Logger: logger}
	if change != nil {
		change(&opts, &server)
	}
	var err error
	if opts.Server, err = beside.New(server); err != nil {
		t.Fatal(err)
	}
	log, err := natslog.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// node opens a log on a server elsewhere. It is closed at the end of the test.
func node(t *testing.T, url string, change func(*natslog.Options, *beside.Options)) *natslog.Log {
	t.Helper()
	log := newNode(t, url, change)
	if err := log.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, log) })
	return log
}

func end(t *testing.T, log *natslog.Log) {
	t.Helper()
	if err := log.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

// named gives a log a JetStream stream of its own.
func named(name string) func(*natslog.Options, *beside.Options) {
	return func(o *natslog.Options, _ *beside.Options) { o.Name = name }
}

// operator returns a connection for what operators do.
func operator(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestLogBeside(t *testing.T) {
	server := natstest.Start(t, "")
	var n atomic.Int64
	hubtest.TestLog(t, func(t *testing.T) hub.Log {
		return node(t, server.URL, named("law"+strconv.FormatInt(n.Add(1), 10)))
	})
}

// sharing is a hub on a log that others share.
func sharing(t *testing.T, log hub.Log) *hub.Hub {
	t.Helper()
	h, err := hub.New(hub.Options{Log: log, Shared: true, Streams: hub.Named("a", "b")})
	if err != nil {
		t.Fatal(err)
	}
	run(t, h)
	return h
}

// Two nodes have the same epoch and the same IDs, also after all of them were restarted, and
// the server too. A client goes on at the other node, even before that has read as far.
func TestNodesShareIDs(t *testing.T) {
	server := natstest.Start(t, "")
	first, second := node(t, server.URL, nil), node(t, server.URL, nil)
	one, two := sharing(t, first), sharing(t, second)
	a := publish(t, one, "a", "1")
	b := publish(t, two, "a", "2")
	if a.Epoch() != b.Epoch() || b.Seq() <= a.Seq() {
		t.Fatalf("%v follows %v", b, a)
	}
	for _, h := range []*hub.Hub{one, two} {
		resumes(t, h, a, "2")
	}
	end(t, first)
	end(t, second)
	server.Stop(t)
	server.Run(t)
	third := sharing(t, node(t, server.URL, nil))
	resumes(t, third, a, "2")
	if c := publish(t, third, "a", "3"); c.Epoch() != a.Epoch() || c.Seq() <= b.Seq() {
		t.Errorf("%v follows %v", c, b)
	}
}

// resumes checks what a client gets that comes with an ID.
func resumes(t *testing.T, h *hub.Hub, after hub.ID, want ...string) {
	t.Helper()
	c := listen(t, h, after)
	defer func() { c.Close() }()
	for _, one := range want {
		if got := c.next(t); got != one {
			t.Fatalf("resumed after %v with %s, want %s", after, got, one)
		}
	}
}

// listener is a subscriber that goes on over gaps.
type listener struct {
	*hub.Subscription
	pending []*hub.Event
}

func listen(t *testing.T, h *hub.Hub, after hub.ID) *listener {
	t.Helper()
	opts := hub.SubscribeOptions{Streams: []string{"a"}}
	if !after.IsZero() {
		opts.LastEventID = after.LastEventID()
	}
	s, err := h.Subscribe(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return &listener{s, s.Replay()}
}

// next returns the data of the next event but the status of a stream that is live.
func (l *listener) next(t *testing.T) string {
	t.Helper()
	late := time.After(patience)
	for {
		for len(l.pending) > 0 {
			e := l.pending[0]
			l.pending = l.pending[1:]
			if !strings.Contains(string(e.Data()), `"state":"live"`) {
				return string(e.Data())
			}
		}
		select {
		case e, open := <-l.Events():
			if open {
				l.pending = append(l.pending, e)
				continue
			}
			next, err := l.Resume()
			if err != nil {
				t.Fatal(err)
			}
			l.Subscription, l.pending = next, next.Replay()
		case <-late:
			t.Fatal("nothing comes")
		}
	}
}

// A client that changes to the other node at each event loses nothing and gets nothing twice.
func TestClientMoves(t *testing.T) {
	const moves = 200
	server := natstest.Start(t, "")
	hubs := []*hub.Hub{sharing(t, node(t, server.URL, nil)), sharing(t, node(t, server.URL, nil))}
	at := publish(t, hubs[0], "a", "0")
	ended := make(chan error, 1)
	go func() {
		for i := 1; i <= moves; i++ {
			if _, err := hubs[i/3%2].Publish(t.Context(), hub.Message{Stream: "a", Data: fmt.Append(nil, i)}); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for i := 1; i <= moves; i++ {
		c := listen(t, hubs[i%2], at)
		if got := c.next(t); got != strconv.Itoa(i) {
			t.Fatalf("after %v comes %s, want %d", at, got, i)
		}
		e, err := hubs[i%2].Latest("a")
		if err != nil {
			t.Fatal(err)
		}
		for e != nil && string(e.Data()) != strconv.Itoa(i) { // the ID of document i
			if e, err = hubs[i%2].At("a", hubID(t, e.ID().Epoch(), e.ID().Seq()-1)); err != nil {
				t.Fatal(err)
			}
		}
		at = e.ID()
		c.Close()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func hubID(t *testing.T, epoch string, seq uint64) hub.ID {
	t.Helper()
	id, err := hub.NewID(epoch, seq)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// While the server is away, what is published is refused, and what is polled waits: it is
// stored when the server is there again, in the same epoch, and no client is dropped.
func TestServerIsAway(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, "")
	log, other := node(t, server.URL, nil), node(t, server.URL, nil)
	h, far := sharing(t, log), sharing(t, other)
	first := publish(t, h, "a", "1")
	publish(t, far, "b", `"b1"`)
	s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"a"}, LastEventID: first.LastEventID()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, how := range []struct {
		what     string
		away     func(testing.TB)
		there    func(testing.TB)
		document string
	}{
		{"killed", server.Kill, server.Run, "2"},
		{"stopped", server.Stop, server.Run, "3"},
		{"paused", server.Pause, server.Continue, "4"},
	} {
		how.away(t)
		eventually(t, how.what+": the log is lost", func() bool { return log.Failure() != nil && other.Failure() != nil })
		if !errors.Is(log.Failure(), hub.ErrLogUnavailable) {
			t.Errorf("%s: failure %v", how.what, log.Failure())
		}
		began := time.Now()
		if _, err := h.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte("0")}); !errors.Is(err, hub.ErrLogUnavailable) {
			t.Errorf("%s: published with %v", how.what, err)
		}
		for _, document := range []string{"0", how.document} {
			id, err := h.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte(document), State: true})
			if err != nil || !id.IsZero() {
				t.Fatalf("%s: polled: %v, %v", how.what, id, err)
			}
		}
		if waited := time.Since(began); waited > natslog.DefaultPatience {
			t.Errorf("%s: that took %v", how.what, waited)
		}
		how.there(t)
		began = time.Now()
		eventually(t, how.what+": the log is there again", func() bool { return log.Failure() == nil && other.Failure() == nil })
		t.Logf("%s: back after %v", how.what, time.Since(began))
		select {
		case e, open := <-s.Events():
			if !open || string(e.Data()) != how.document || e.ID().Epoch() != first.Epoch() {
				t.Fatalf("%s: got %v, want %s: %v", how.what, e, how.document, s.Err())
			}
		case <-time.After(patience):
			t.Fatalf("%s: the document that waited does not come", how.what)
		}
	}
}

// What waits is left out if another node has stored something newer meanwhile, and what an
// earlier attempt of this node has stored is not another node's.
func TestWaitingDocumentIsOutdated(t *testing.T) {
	server := natstest.Start(t, "")
	log, other := node(t, server.URL, nil), node(t, server.URL, nil)
	h, far := sharing(t, log), sharing(t, other)
	publish(t, h, "a", "1")
	publish(t, h, "b", `"b1"`)
	natslog.Lose(log)
	for _, m := range []hub.Message{{Stream: "a", Data: []byte("old")}, {Stream: "b", Data: []byte(`"b2"`)}} {
		m.State = true
		if _, err := h.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, far, "a", "2")
	eventually(t, "the log is there again", func() bool { return log.Failure() == nil })
	expectLatest(t, h, "b", `"b2"`)
	expectLatest(t, far, "b", `"b2"`)
	if e, err := h.Latest("a"); err != nil || string(e.Data()) != "2" {
		t.Errorf("newest is %s, %v", e.Data(), err)
	}
	if n := log.Stats().Superseded; n != 1 {
		t.Errorf("%d documents were left out, want 1", n)
	}
}

// A server that is not there at the start stops nothing.
func TestServerComesLate(t *testing.T) {
	server := natstest.Start(t, "")
	server.Kill(t)
	log := newNode(t, server.URL, func(o *natslog.Options, _ *beside.Options) { o.Patience = time.Second })
	if err := log.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer end(t, log)
	if !errors.Is(log.Failure(), hub.ErrLogUnavailable) {
		t.Errorf("failure %v", log.Failure())
	}
	if _, err := log.Append(t.Context(), hub.Message{Data: []byte("1")}); !errors.Is(err, hub.ErrLogUnavailable) {
		t.Errorf("published with %v", err)
	}
	if id, err := log.Append(t.Context(), hub.Message{Data: []byte("2"), State: true}); err != nil || !id.IsZero() {
		t.Errorf("polled: %v, %v", id, err)
	}
	server.Run(t)
	eventually(t, "the log is there", func() bool { return log.Failure() == nil })
	if events := all(t, log).Events; len(events) != 1 || string(events[0].Data()) != "2" {
		t.Errorf("the log has %v", events)
	}
}

// A mistake ends the start, with its reason and without a secret.
func TestMistakesAtTheStart(t *testing.T) {
	server := natstest.Start(t, "authorization { user: pollux, password: right-password }")
	file := write(t, "wrong-password\n")
	for what, change := range map[string]func(*natslog.Options, *beside.Options){
		"no user":        nil,
		"wrong password": func(_ *natslog.Options, o *beside.Options) { o.User, o.PasswordFile = "pollux", file },
		"no TLS": func(_ *natslog.Options, o *beside.Options) {
			o.URLs = []string{strings.Replace(server.URL, "nats", "tls", 1)}
		},
	} {
		log := newNode(t, server.URL, change)
		err := log.Open(t.Context())
		if !errors.Is(err, natslog.ErrStart) || strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("%s: %v", what, err)
		}
		end(t, log)
	}
	right := write(t, "right-password\n")
	enter := func(_ *natslog.Options, b *beside.Options) { b.User, b.PasswordFile = "pollux", right }
	log := newNode(t, server.URL, func(o *natslog.Options, b *beside.Options) { enter(o, b); o.Replicas = 3 })
	if err := log.Open(t.Context()); !errors.Is(err, natslog.ErrStart) {
		t.Errorf("three replicas of one server: %v", err)
	}
	end(t, log)
	node(t, server.URL, enter)
}

// write makes a file for the test.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Who may not do what Pollux does is told so at the start.
func TestMissingPermission(t *testing.T) {
	t.Parallel() // it waits for an answer that does not come
	server := natstest.Start(t, `authorization { users: [{
		user: pollux, password: secret
		permissions: { publish: ["$JS.API.INFO"], subscribe: [">"] }
	}] }`)
	file := write(t, "secret")
	log := newNode(t, server.URL, func(_ *natslog.Options, b *beside.Options) { b.User, b.PasswordFile = "pollux", file })
	if err := log.Open(t.Context()); !errors.Is(err, natslog.ErrStart) || !strings.Contains(err.Error(), "Permissions Violation") {
		t.Errorf("opened with %v", err)
	}
	end(t, log)
}

// What docs/cluster.md says is enough of permissions.
func TestLeastPermissions(t *testing.T) {
	server := natstest.Start(t, `authorization { users: [{
		user: pollux, password: secret
		permissions: { publish: ["pollux.>", "$JS.API.>", "$JS.ACK.>"], subscribe: ["_INBOX.>"] }
	}] }`)
	file := write(t, "secret")
	log := node(t, server.URL, func(_ *natslog.Options, b *beside.Options) { b.User, b.PasswordFile = "pollux", file })
	publish(t, sharing(t, log), "a", "1")
}

// Two epochs never have an ID in common, whatever others do to the stream between two events.
func TestStreamIsRemadeBehindThePublisher(t *testing.T) {
	server := natstest.Start(t, "")
	log := node(t, server.URL, nil)
	h := sharing(t, log)
	ids := map[string]bool{}
	for i := range 5 {
		ids[publish(t, h, "a", strconv.Itoa(i)).String()] = true
	}
	js := operator(t, server.URL)
	if err := js.DeleteStream(t.Context(), natslog.DefaultName); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: natslog.DefaultName, Subjects: []string{"pollux.>"}}); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		var id hub.ID
		eventually(t, "published", func() (ok bool) {
			var err error
			id, err = h.Publish(t.Context(), hub.Message{Stream: []string{"a", "b"}[i%2], Data: []byte(`"new"`)})
			return err == nil
		})
		if ids[id.String()] {
			t.Fatalf("ID %v was given out twice", id)
		}
		ids[id.String()] = true
	}
}

// Whatever somebody does to the stream, clients of each node get a reset and the newest
// documents, which no poller may publish a second time.
func TestSharedStreamOfOthersHands(t *testing.T) {
	server := natstest.Start(t, "")
	js := operator(t, server.URL)
	for what, do := range map[string]func(name string) error{
		"purged": func(name string) error {
			stream, err := js.Stream(t.Context(), name)
			if err != nil {
				return err
			}
			return stream.Purge(t.Context())
		},
		"deleted": func(name string) error { return js.DeleteStream(t.Context(), name) },
		"remade": func(name string) error {
			stream, err := js.Stream(t.Context(), name)
			if err != nil {
				return err
			}
			if err := js.DeleteStream(t.Context(), name); err != nil {
				return err
			}
			_, err = js.CreateStream(t.Context(), stream.CachedInfo().Config)
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			h, far := sharing(t, node(t, server.URL, named(what))), sharing(t, node(t, server.URL, named(what)))
			first := publish(t, h, "a", "1")
			clients := []*listener{listen(t, h, hub.ID{}), listen(t, far, hub.ID{})}
			for _, c := range clients {
				defer func() { c.Close() }()
				if got := c.next(t); got != "1" {
					t.Fatalf("got %s", got)
				}
			}
			if err := do(what); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for _, c := range clients {
				if got := c.next(t); got != `{"reason": "epoch"}` {
					t.Fatalf("got %s", got)
				}
				if got := c.next(t); got != "1" {
					t.Fatalf("got %s", got)
				}
			}
			t.Logf("clients of both nodes have got a reset and the newest document after %v", time.Since(began))
			eventually(t, "both are in the new epoch", func() bool {
				return h.Position().Epoch() == far.Position().Epoch() && h.Position().Epoch() != first.Epoch()
			})
			second := publish(t, far, "a", "2")
			for _, c := range clients {
				if got := c.next(t); got != "2" {
					t.Fatalf("got %s", got)
				}
			}
			if second.Epoch() == first.Epoch() {
				t.Errorf("%v follows %v in the same epoch", second, first)
			}
		})
	}
}

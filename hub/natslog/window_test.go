package natslog_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/beside"
	"github.com/polluxhub/pollux/hub/natslog/natstest"
	"github.com/polluxhub/pollux/internal/capture"
)

// narrow is a duplicate window that an event outlives in a test: the shortest that JetStream takes.
const narrow = 100 * time.Millisecond

// windowOf returns the duplicate window of a stream.
func windowOf(t *testing.T, js jetstream.JetStream) time.Duration {
	t.Helper()
	stream, err := js.Stream(t.Context(), natslog.DefaultName)
	if err != nil {
		return 0 // there is no leader yet
	}
	return stream.CachedInfo().Config.Duplicates
}

// changeStream changes the stream as an operator does.
func changeStream(t *testing.T, js jetstream.JetStream, change func(*jetstream.StreamConfig)) {
	t.Helper()
	eventually(t, "the stream is changed", func() bool {
		stream, err := js.Stream(t.Context(), natslog.DefaultName)
		if err != nil {
			return false
		}
		config := stream.CachedInfo().Config
		change(&config)
		_, err = js.UpdateStream(t.Context(), config)
		return err == nil
	})
}

func narrowed(config *jetstream.StreamConfig) { config.Duplicates = narrow }

func awaitWide(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	eventually(t, "publications are known for long enough", func() bool { return windowOf(t, js) == hub.OnceLife })
}

// A publication that is repeated is one event for as long as promised, whatever window the stream had: one
// that was just made, and one of an older version, which knows its publications for less.
func TestWindowIsWidened(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, "")
	js := operator(t, server.URL)
	log := node(t, server.URL, nil)
	awaitWide(t, js)
	end(t, log)

	changeStream(t, js, narrowed)
	log = node(t, server.URL, nil)
	awaitWide(t, js)
	m := hub.Message{Stream: "a", Data: []byte("1"), Once: "first"}
	first, err := log.Append(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * narrow) // JetStream has a clock of its own
	if again, err := log.Append(t.Context(), m); again != first || err != nil {
		t.Errorf("published again it is %v, %v, want %v", again, err, first)
	}
}

func TestWindowInTheProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := start(t, dir, nil)
	changeStream(t, log.raw(t), narrowed)
	log.stop(t)
	log = start(t, dir, nil)
	awaitWide(t, log.raw(t))
}

func TestWindowOfACluster(t *testing.T) {
	t.Parallel()
	g := newGroup(t)
	changeStream(t, g.nodes[0].raw(t), narrowed)
	g.stop(t, 0, 1, 2)
	g.startAll(t)
	awaitWide(t, g.nodes[1].raw(t))
	g.append(t, 2, "1")
}

// A window that is longer is left alone, as by a version that wants another one.
func TestLongerWindowStays(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, "")
	js := operator(t, server.URL)
	log := node(t, server.URL, nil)
	awaitWide(t, js)
	changeStream(t, js, func(config *jetstream.StreamConfig) { config.Duplicates = 2 * hub.OnceLife })
	end(t, log)
	if err := node(t, server.URL, nil).Widen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := windowOf(t, js); got != 2*hub.OnceLife {
		t.Errorf("the window is %v", got)
	}
}

// A server that does not allow the window stops nothing. The log says so.
func TestWindowIsRefused(t *testing.T) {
	t.Parallel()
	for what, row := range map[string]struct {
		users string
		limit func(*jetstream.StreamConfig)
	}{
		"by an age": {limit: func(config *jetstream.StreamConfig) { config.MaxAge = time.Minute }},
		"by a user": {users: `no_auth_user: pollux
			authorization { users = [
			{ user: boss, password: boss },
			{ user: pollux, password: pollux, permissions: { publish: { allow: ">", deny: "$JS.API.STREAM.UPDATE.>" }, subscribe: ">" } }
		] }`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			server := natstest.Start(t, row.users)
			js := operator(t, strings.Replace(server.URL, "//", "//boss:boss@", 1))
			if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: natslog.DefaultName, Subjects: []string{natslog.DefaultName + ".>"}, Duplicates: time.Minute}); err != nil {
				t.Fatal(err)
			}
			if row.limit != nil {
				changeStream(t, js, row.limit)
			}
			said := new(capture.Output)
			log := node(t, server.URL, func(o *natslog.Options, _ *beside.Options) { o.Logger = slog.New(slog.NewTextHandler(said, nil)) })
			eventually(t, "the log says so", func() bool { return strings.Count(said.String(), "NATS knows the keys of publications") > 0 })
			if _, err := log.Append(t.Context(), hub.Message{Stream: "a", Data: []byte("1"), Once: "first"}); err != nil {
				t.Error(err)
			}
			if got := windowOf(t, js); got != time.Minute {
				t.Errorf("the window is %v", got)
			}
		})
	}
}

// Only what may be repeated costs JetStream memory for the length of the window.
func TestOnlyNamedPublicationsHaveAnID(t *testing.T) {
	server := natstest.Start(t, "")
	log := node(t, server.URL, nil)
	for _, m := range []hub.Message{
		{Stream: "a", Data: []byte("1")},
		{Stream: "a", Data: []byte("2"), Once: "second"},
		{Stream: "a", Data: []byte("3"), State: true},
		{Stream: "a", Status: &hub.Status{State: hub.Live}, State: true},
	} {
		if _, err := log.Append(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := operator(t, server.URL).Stream(t.Context(), natslog.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		msg, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if msg.Header.Get(jetstream.MsgIDHeader) != "" {
			named = append(named, string(msg.Data))
		}
	}
	if !slices.Equal(named, []string{"2"}) {
		t.Errorf("messages %q have an ID, want that with a name", named)
	}
}

// What is polled, and stored without an answer, is not stored a second time.
func TestStateOfALateServer(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, "")
	log := node(t, server.URL, nil)
	put := func(data string) hub.ID {
		t.Helper()
		id, err := log.Append(t.Context(), hub.Message{Stream: "a", Data: []byte(data), State: true})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	put("1")
	server.Pause(t)
	if id := put("2"); !id.IsZero() {
		t.Errorf("a server that stands still has stored %v", id)
	}
	server.Continue(t)
	eventually(t, "the log is there again", func() bool { return log.Failure() == nil })
	eventually(t, "it is stored", func() bool { return len(all(t, log).Events) > 1 })
	put("3")
	var got []string
	for _, e := range all(t, log).Events {
		got = append(got, string(e.Data()))
	}
	if !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("stored %q", got)
	}
}

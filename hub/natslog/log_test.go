package natslog_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
	"github.com/polluxhub/pollux/internal/leak"
)

// TestMain allows for what a NATS server leaves behind that cannot start its part of a
// cluster, because that is damaged.
func TestMain(m *testing.M) {
	leak.Main(m,
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

// rig is a log on a directory, with a server inside the test.
type rig struct {
	*natslog.Log
	server *embedded.Server
}

// start opens a log on a directory. It is closed at the end of the test.
func start(t *testing.T, dir string, change func(*natslog.Options, *embedded.Options)) *rig {
	t.Helper()
	r := newRig(t, dir, change)
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// newRig returns a log on a directory that is not open yet. It is closed at the end of the
// test.
func newRig(t *testing.T, dir string, change func(*natslog.Options, *embedded.Options)) *rig {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	server, opts := embedded.Options{Dir: dir, Sync: embedded.SyncInterval, Logger: logger}, natslog.Options{Logger: logger}
	if change != nil {
		change(&opts, &server)
	}
	r := new(rig)
	var err error
	if r.server, err = embedded.New(server); err != nil {
		t.Fatal(err)
	}
	opts.Server = r.server
	if r.Log, err = natslog.New(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *rig) stop(t *testing.T) {
	t.Helper()
	if err := r.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func (r *rig) append(t *testing.T, stream, data string) hub.ID {
	t.Helper()
	id, err := r.Append(t.Context(), hub.Message{Stream: stream, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// raw returns a connection to the server of the log, for what others do there.
func (r *rig) raw(t *testing.T) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect("", nats.InProcessServer(r.server))
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

func TestHoles(t *testing.T) {
	hubtest.TestHoles(t, func(t *testing.T) hubtest.Holes {
		log := start(t, t.TempDir(), keeping(20, 1<<20))
		return hubtest.Holes{
			Options: hub.Options{Log: log},
			Trim: func(t *testing.T) {
				t.Helper()
				eventually(t, "b is trimmed", func() bool { return log.subjects(t)["pollux.d.b"] <= 40 })
			},
			Lose: func(t *testing.T, id hub.ID) {
				t.Helper()
				stream, err := log.raw(t).Stream(t.Context(), natslog.DefaultName)
				if err != nil {
					t.Fatal(err)
				}
				if err := stream.DeleteMsg(t.Context(), id.Seq()); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func TestLog(t *testing.T) {
	hubtest.TestLog(t, func(t *testing.T) hub.Log { return start(t, t.TempDir(), nil) })
	hubtest.TestShared(t, func(t *testing.T) hub.Log { return start(t, t.TempDir(), nil) })
}

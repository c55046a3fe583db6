package natslog_test

import (
	"context"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start opens a log on a directory.
func start(t *testing.T, dir string, change func(*natslog.Options, *embedded.Options)) *natslog.Log {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	server, opts := embedded.Options{Dir: dir, Sync: embedded.SyncInterval, Logger: logger}, natslog.Options{Logger: logger}
	if change != nil {
		change(&opts, &server)
	}
	var err error
	if opts.Server, err = embedded.New(server); err != nil {
		t.Fatal(err)
	}
	log, err := natslog.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, log) })
	return log
}

func stop(t *testing.T, log *natslog.Log) {
	t.Helper()
	if err := log.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestLog(t *testing.T) {
	hubtest.TestLog(t, func(t *testing.T) hub.Log { return start(t, t.TempDir(), nil) })
}

package natslog_test

import (
	"errors"
	"log/slog"
	"os"
	"testing"

	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// TestPowerCut starts a log on what another run of the machine has left. The epoch is that
// of before unless acknowledged events may be missing. The documents stay in either case.
func TestPowerCut(t *testing.T) {
	for _, test := range []struct {
		what          string
		before, after embedded.Sync
		boot          string
		clean         bool
		same          bool
	}{
		{"killed", embedded.SyncInterval, embedded.SyncInterval, "one", false, true},
		{"killed, always", embedded.SyncAlways, embedded.SyncAlways, "one", false, true},
		{"power cut", embedded.SyncInterval, embedded.SyncInterval, "two", false, false},
		{"power cut, always", embedded.SyncAlways, embedded.SyncAlways, "two", false, true},
		{"power cut before always", embedded.SyncInterval, embedded.SyncAlways, "two", false, false},
		{"power cut after always", embedded.SyncAlways, embedded.SyncInterval, "two", false, true},
		{"reboot", embedded.SyncInterval, embedded.SyncInterval, "two", true, true},
		{"unknown boot", embedded.SyncInterval, embedded.SyncInterval, "", false, false},
	} {
		t.Run(test.what, func(t *testing.T) {
			booted := func(id string, sync embedded.Sync) func(*natslog.Options, *embedded.Options) {
				return func(_ *natslog.Options, o *embedded.Options) {
					o.Sync, o.BootID = sync, func() (string, error) { return id, nil }
				}
			}
			dir, left := t.TempDir(), t.TempDir()
			log := start(t, dir, booted("one", test.before))
			first := log.append(t, "a", "1")
			if test.clean {
				log.stop(t)
			}
			if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second start has to know what the first one did
				log = start(t, left, booted(test.boot, test.after))
				events := all(t, log).Events
				if len(events) != 1 || string(events[0].Data()) != "1" {
					t.Fatalf("kept %v", events)
				}
				if same := events[0].ID().Epoch() == first.Epoch(); same != test.same {
					t.Errorf("same epoch: %v, want %v", same, test.same)
				}
				log.stop(t)
			}
		})
	}
}

// A second process is kept out of the folder, and told why.
func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	start(t, dir, nil)
	server, err := embedded.New(embedded.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	second, err := natslog.New(natslog.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Open(t.Context()); !errors.Is(err, natslog.ErrStart) {
		t.Errorf("the second one starts: %v", err)
	}
	if err := second.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/bench/raid"
	"github.com/polluxhub/pollux/bench/soak"
)

// The whole of a soak, with processes, a restart and reloads, in small, without TLS and with
// it. What is flat takes longer to show.
func TestSoak(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const clients = 40
	part := soak.Options{
		Root: root, Self: self, Clients: clients, Stalled: 2, Processes: 2, Churn: 20, Time: 4 * time.Second,
		Publish: 200 * time.Millisecond, Reload: time.Second, Restart: 2 * time.Second, Sample: 500 * time.Millisecond, Log: t.Logf,
	}
	secure := part
	secure.TLS = true
	results, err := soakParts(t.Context(), []soak.Options{part, secure})
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		n := result.Counts
		if n.Violations != 0 || n.Cut != 0 || n.Overloaded != 0 || n.Kept != 0 || len(result.Failures) != 0 {
			t.Errorf("%s", result.Report())
		}
		if result.Published < 5 || n.Events < clients || n.Resets < clients/2 || n.Left == 0 || n.Checked < clients ||
			result.Reloads == 0 || len(result.Restarts) < 2 || len(result.Samples) < 2 {
			t.Errorf("not all of it happened:\n%s", result.Report())
		}
	}
}

// Each raid, in small. Times are not looked at.
func TestAttack(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := raid.Options{Root: root, Self: self, Readers: 5, Pace: 20 * time.Millisecond, Rounds: 2, Time: 300 * time.Millisecond, Divide: 100, Log: t.Logf}
	rows, err := raid.Conduct(t.Context(), o, raid.All())
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(raid.All()) {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		if !row.OK() || row.Seen.Opened < int64(row.Connections) || row.Published == 0 || row.Descriptors < o.Readers {
			t.Errorf("%+v", row)
		}
	}
	if text := raid.Report(rows, o); strings.Count(text, "\n| ") != len(rows)+2 {
		t.Errorf("%s", text)
	}
}

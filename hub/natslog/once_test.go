package natslog_test

import (
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// A publication that is repeated, because its answer was lost, is one event: at the same node, at
// another one, behind other events, and after the nodes were restarted.
func TestOnce(t *testing.T) {
	server := natstest.Start(t, "")
	one, other := node(t, server.URL, nil), node(t, server.URL, nil)
	logs := []*natslog.Log{one, other}
	put := func(log *natslog.Log, stream, once, data string) hub.ID {
		t.Helper()
		id, err := log.Append(t.Context(), hub.Message{Stream: stream, Data: []byte(data), Once: once})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first := put(one, "a", "first", "1")
	for _, log := range logs {
		if again := put(log, "a", "first", "1"); again != first {
			t.Errorf("published again it is %v, want %v", again, first)
		}
	}
	known := map[hub.ID]bool{first: true}
	for what, id := range map[string]hub.ID{
		"another document":      put(other, "a", "first", "2"),
		"another stream":        put(other, "b", "first", "1"),
		"another name":          put(other, "a", "second", "1"),
		"no name":               put(other, "a", "", "1"),
		"no name, at the other": put(one, "a", "", "1"),
	} {
		if known[id] {
			t.Errorf("%s is %v, as something else", what, id)
		}
		known[id] = true
	}
	end(t, one)
	third := node(t, server.URL, nil)
	if again := put(third, "a", "first", "1"); again != first {
		t.Errorf("published again after a restart it is %v, want %v", again, first)
	}
	last := put(third, "a", "last", "3")
	events := all(t, other).Events
	if n := len(events); n != len(known)+1 || events[n-1].ID() != last {
		t.Errorf("%d events are stored up to %v, want %d up to %v", n, events[n-1].ID(), len(known)+1, last)
	}
}

// A server that answers late gets the publication several times, and stores it once.
func TestOnceOfALateServer(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, "")
	log := node(t, server.URL, nil)
	m := hub.Message{Stream: "a", Data: []byte("1"), Once: "first"}
	server.Pause(t)
	appended := make(chan error, 1)
	go func() {
		_, err := log.Append(t.Context(), m)
		appended <- err
	}()
	time.Sleep(5 * time.Second / 2) // longer than an answer is waited for; nothing depends on it
	server.Continue(t)
	if err := <-appended; err != nil { // on a machine so busy that the log counts as lost
		eventually(t, "it is stored", func() bool { _, err := log.Append(t.Context(), m); return err == nil })
	}
	if events := all(t, log).Events; len(events) != 1 {
		t.Errorf("%d events are stored, want 1", len(events))
	}
}

// A store of one process knows it too, after a restart.
func TestOnceInTheProgram(t *testing.T) {
	dir := t.TempDir()
	m := hub.Message{Stream: "a", Data: []byte("1"), Once: "first"}
	log := start(t, dir, nil)
	first, err := log.Append(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	log.append(t, "a", "2")
	log.stop(t)
	log = start(t, dir, nil)
	if again, err := log.Append(t.Context(), m); again != first || err != nil {
		t.Errorf("published again it is %v, %v, want %v", again, err, first)
	}
	if next := log.append(t, "a", "3"); next.Seq() <= first.Seq() {
		t.Errorf("%v follows %v", next, first)
	}
	if n := len(all(t, log).Events); n != 3 {
		t.Errorf("%d events are stored, want 3", n)
	}
}

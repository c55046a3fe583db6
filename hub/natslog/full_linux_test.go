package natslog_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/hub"
)

// disk mounts a small disk of its own.
func disk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("pollux", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the room of a disk.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestFullDisk fills the disk under a log. What is polled goes on in an epoch of its own,
// what is published is refused, and when there is room again the timeline moves back, with
// the newest documents.
func TestFullDisk(t *testing.T) {
	dir := disk(t)
	log := start(t, filepath.Join(dir, "data"), nil)
	h, s := listening(t, log)
	first := publish(t, h, "a", `"first"`)
	publish(t, h, "b", `"quiet"`)
	if e := <-s.Events(); e.ID() != first {
		t.Fatalf("got %v", e.ID())
	}
	state := subscribeTo(t, h, "b")
	fill(t, filepath.Join(dir, "other"))

	large := `"` + strings.Repeat("x", 100_000) + `"`
	var err error
	eventually(t, "a document is refused", func() bool {
		_, err = h.Publish(t.Context(), hub.Message{Stream: "b", Data: []byte(large)})
		return err != nil
	})
	if !errors.Is(err, hub.ErrLogFull) {
		t.Errorf("refused with %v, want %v", err, hub.ErrLogFull)
	}
	if err := log.Failure(); !errors.Is(err, hub.ErrLogFull) {
		t.Errorf("the log has failed with %v, want %v", err, hub.ErrLogFull)
	}
	polled, err := h.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte(`"polled"`), State: true})
	if err != nil || polled.Epoch() == first.Epoch() {
		t.Fatalf("polled is %v, %v", polled, err)
	}
	expectLatest(t, h, "a", `"polled"`)
	state.expect(t, `"error":"not_stored"`)
	if e, err := h.Latest("b"); err != nil || e == nil {
		t.Errorf("stream b has lost its document: %v", err)
	}

	if err := os.Remove(filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "events are stored again", func() bool { return log.Failure() == nil && h.Position().Epoch() == first.Epoch() })
	expectLatest(t, h, "a", `"polled"`)
	state.expect(t, `"error":null`)
	last := publish(t, h, "a", `"last"`)
	if last.Epoch() != first.Epoch() || last.Seq() <= first.Seq() {
		t.Errorf("%v comes after %v", last, first)
	}
	resumed, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"a"}, LastEventID: first.LastEventID()})
	if err != nil {
		t.Fatal(err)
	}
	defer resumed.Close()
	var got []string
	for _, e := range resumed.Replay() {
		if e.Kind() == hub.KindStatus {
			continue
		}
		got = append(got, string(e.Data()))
	}
	if strings.Join(got, " ") != `"polled" "last"` {
		t.Errorf("resumed with %v", got)
	}
	log.stop(t)
	seen := make(map[string]bool)
	for _, e := range all(t, start(t, filepath.Join(dir, "data"), nil)).Events {
		if seen[e.ID().String()] {
			t.Errorf("ID %v was given out twice", e.ID())
		}
		seen[e.ID().String()] = true
	}
}

// TestReadOnlyDisk starts on a disk that is read-only, and later is not any more.
func TestReadOnlyDisk(t *testing.T) {
	dir := disk(t)
	log := start(t, filepath.Join(dir, "data"), nil)
	first := log.append(t, "a", `"first"`)
	log.stop(t)
	remount(t, dir, unix.MS_RDONLY)

	log = start(t, filepath.Join(dir, "data"), nil)
	if err := log.Failure(); !errors.Is(err, hub.ErrLogUnavailable) {
		t.Fatalf("the log has failed with %v", err)
	}
	h, _ := listening(t, log)
	if _, err := h.Publish(t.Context(), hub.Message{Stream: "b", Data: []byte("1")}); !errors.Is(err, hub.ErrLogUnavailable) {
		t.Errorf("published: %v", err)
	}
	polled, err := h.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte(`"polled"`), State: true})
	if err != nil || polled.Epoch() == first.Epoch() {
		t.Fatalf("polled is %v, %v", polled, err)
	}
	remount(t, dir, 0)
	eventually(t, "events are stored", func() bool { return log.Failure() == nil && h.Position().Epoch() == first.Epoch() })
	expectLatest(t, h, "a", `"polled"`)
}

func remount(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	if err := unix.Mount("pollux", dir, "tmpfs", unix.MS_REMOUNT|flags, "size=16m"); err != nil {
		t.Fatal(err)
	}
}

func expectLatest(t *testing.T, h *hub.Hub, stream, want string) {
	t.Helper()
	eventually(t, "the newest document is "+want, func() bool {
		e, err := h.Latest(stream)
		return err == nil && e != nil && string(e.Data()) == want
	})
}

// client is a subscriber that goes on over gaps.
type client struct{ *hub.Subscription }

func subscribeTo(t *testing.T, h *hub.Hub, stream string) *client {
	t.Helper()
	s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{stream}})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{s}
	t.Cleanup(func() { c.Close() })
	return c
}

// expect waits for an event whose data contain a text.
func (c *client) expect(t *testing.T, want string) {
	t.Helper()
	late := time.After(patience)
	for {
		for _, e := range c.Replay() {
			if strings.Contains(string(e.Data()), want) {
				return
			}
		}
		select {
		case e, open := <-c.Events():
			if open && strings.Contains(string(e.Data()), want) {
				return
			}
			if open {
				continue
			}
			next, err := c.Resume()
			if err != nil {
				t.Fatal(err)
			}
			c.Subscription = next
		case <-late:
			t.Fatalf("no event with %s", want)
		}
	}
}

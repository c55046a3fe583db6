package poller_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/poller"
)

// What a key has of the documents of its stream.

// TestKeyIsAskedWithItsVersion believes "unchanged", for each key.
func TestKeyIsAskedWithItsVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
			tag := poller.Version{ETag: c.keys[0]}
			if c.since == tag {
				return poller.Reading{Unchanged: true}, nil
			}
			return poller.Reading{Document: []byte("1"), Version: tag}, nil
		})
		polling, _ := startKeys(t, h, keyed(s, 1))
		h.listen(1, "a", "b")
		time.Sleep(2*every + every/2)
		for _, c := range s.between(time.Second, time.Hour) {
			if c.since.ETag != c.keys[0] {
				t.Errorf("%v was asked with %v", c.keys, c.since)
			}
		}
		if status := polling.Status()[0]; status.Successes != 6 && status.Successes != 5 || status.Unchanged != status.Successes-2 {
			t.Errorf("the stream has %+v", status)
		}
		if a := h.of("a"); len(a) != 1 {
			t.Errorf("a was told %v", a)
		}
	})
}

// TestKeysAreReshaped has select and ignore work for a key as for a stream.
func TestKeysAreReshaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var asked atomic.Int32
		s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
			n := asked.Add(1)
			return each(c.keys, func(string) string { return fmt.Sprint(n) }), nil
		})
		stream := keyed(s, 10)
		stream.Reshape = func(_ context.Context, document []byte) ([]byte, error) {
			if string(document) == "2" {
				return nil, failure("select", 0)
			}
			return []byte("[ " + string(document) + " ]"), nil
		}
		stream.Same = func(published, document []byte) bool {
			return string(published) == "[1]" && string(document) == "[3]"
		}
		startKeys(t, h, stream)
		h.listen(1, "a")
		time.Sleep(10 * every)
		got := h.of("a")
		if len(got) < 2 || got[0].Data != "[1]" || got[1].Data != "[4]" {
			t.Errorf("a was told %v", got)
		}
	})
}

// TestSavedRequestsOfKeys counts clients as for a stream: those of all keys of a request.
func TestSavedRequestsOfKeys(t *testing.T) {
	for batch, want := range map[int]uint64{1: 4 + 2, 10: 1 + 5 + 3 - 1} {
		synctest.Test(t, func(t *testing.T) {
			h, s := newKeyHub(), newKeySource(many)
			polling, _ := startKeys(t, h, keyed(s, batch))
			h.listen(1, "a", "b")
			time.Sleep(time.Second)
			h.listen(5, "a") // of which nobody is told: it is no change from or to nobody
			h.listen(3, "b")
			time.Sleep(16 * time.Second)
			if status := polling.Status()[0]; status.Saved != want || status.Watched != 2 {
				t.Errorf("%+v, want %d saved", status, want)
			}
		})
	}
}

// TestHiddenChangeOfAKey has an upstream answer "unchanged" for ever: no key is asked
// with its version any more once that has been noticed for one.
func TestHiddenChangeOfAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		tag := poller.Version{ETag: "1"}
		s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
			if c.since == tag {
				return poller.Reading{Unchanged: true}, nil
			}
			return poller.Reading{Document: []byte(fmt.Sprint(int(c.at.Minutes()))), Version: tag}, nil
		})
		var lines bytes.Buffer
		polling, stop := startKeys(t, h, keyed(s, 1), func(o *poller.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		})
		h.listen(1, "a", "b")
		time.Sleep(2 * time.Hour)
		if status := polling.Status()[0]; status.Hidden == 0 {
			t.Errorf("the stream has %+v", status)
		}
		stop()
		for _, c := range s.between(110*time.Minute, time.Hour*2) {
			if c.since != (poller.Version{}) {
				t.Fatalf("%v is asked with a version", c.keys)
			}
		}
		if n := strings.Count(lines.String(), "level=WARN"); n != 1 {
			t.Errorf("the log has\n%s", lines.String())
		}
	})
}

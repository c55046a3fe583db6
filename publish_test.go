package pollux

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/internal/parts"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
)

func TestPublish(t *testing.T) {
	p := newPollux(t, Options{
		Streams: []Stream{{}, {Name: "mocked", Poll: poller.Stream{Source: &mock.Source{}, Every: time.Hour}}},
		HTTP:    handlers.Options{MaxBody: 10},
	})
	stop := run(t, p)
	for _, test := range []struct {
		stream string
		value  any
		want   string // the document
		err    error
	}{
		{"", []byte(` {"n": 1.0}`)[1:], `{"n":1.0}`, nil},
		{"default", struct{ N int }{2}, `{"N":2}`, nil},
		{"", strings.Repeat("x", 8), `"xxxxxxxx"`, nil},
		{"", strings.Repeat("x", 9), "", hub.ErrTooLarge},
		{"", []byte("no JSON"), "", document.ErrSyntax},
		{"mocked", 1, "", ErrPolled},
		{"unknown", 1, "", hub.ErrUnknownStream},
	} {
		id, err := p.Publish(t.Context(), test.stream, test.value)
		if !errors.Is(err, test.err) {
			t.Errorf("%s %v: %v, want %v", test.stream, test.value, err, test.err)
		}
		if test.err != nil {
			continue
		}
		if e, err := p.Hub().Latest(""); err != nil || string(e.Data()) != test.want || e.ID() != id {
			t.Errorf("%v: %s, %v", test.value, e.Data(), err)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// What limits the size is by default what limits it over HTTP.
func TestPublishDefaultLimit(t *testing.T) {
	p := newPollux(t, Options{})
	stop := run(t, p)
	for size, want := range map[int]error{handlers.DefaultMaxBody: nil, handlers.DefaultMaxBody + 1: hub.ErrTooLarge} {
		if _, err := p.Publish(t.Context(), "", strings.Repeat("x", size-2)); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Of a stream with AtMost, what comes within the gap waits, and the newest of it is
// published when the gap is over, when the stream is removed, or at shutdown.
func TestPublishAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPollux(t, Options{Streams: []Stream{{Name: "a", AtMost: time.Second, Revision: "1"}, {Name: "b"}, {Name: "removed", AtMost: time.Hour}}})
		ctx, cancel := context.WithCancel(t.Context())
		running := parts.Start(ctx, []parts.Part{{Name: "hub", Run: p.hub.Run}, {Name: "conflater", Run: p.latest.Run}})
		defer func() {
			cancel()
			if err := running.All(); err != nil {
				t.Error(err)
			}
		}()
		publish := func(stream string, value int, waits bool) {
			t.Helper()
			if id, err := p.Publish(t.Context(), stream, value); err != nil || id.IsZero() != waits {
				t.Errorf("%d to %s: %v, %v", value, stream, id, err)
			}
		}
		newest := func(stream, want string) {
			t.Helper()
			synctest.Wait()
			if e, err := p.Hub().Latest(stream); err != nil || string(e.Data()) != want {
				t.Errorf("%s has %s, %v, want %s", stream, e.Data(), err, want)
			}
		}
		publish("a", 1, false)
		publish("a", 2, true)
		publish("a", 3, true)
		publish("b", 4, false)
		publish("b", 5, false)
		newest("a", "1")
		time.Sleep(time.Second - 1)
		newest("a", "1")
		time.Sleep(time.Nanosecond)
		newest("a", "3")
		if got := p.latest.Replaced()["a"]; got != 1 {
			t.Errorf("%d were replaced", got)
		}
		publish("removed", 1, false)
		client, err := p.hub.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"removed"}})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		publish("removed", 2, true)
		if _, err := p.SetStreams([]Stream{{Name: "a", AtMost: 2 * time.Second, Revision: "2"}}); err != nil {
			t.Fatal(err)
		}
		if e := <-client.Events(); string(e.Data()) != "2" {
			t.Errorf("before its stream is removed, a client gets %s", e.Data())
		}
		publish("a", 6, true)
		time.Sleep(2*time.Second - 1)
		newest("a", "3")
		time.Sleep(time.Nanosecond)
		newest("a", "6")
		publish("a", 7, true)
		p.publishLatest()
		newest("a", "7")
	})
	if _, err := New(Options{Streams: []Stream{{AtMost: -1}}}); err == nil {
		t.Error("a gap below 0 is taken")
	}
}

// fullLog is a log in memory that takes only what is polled while it is full.
type fullLog struct {
	*hub.MemoryLog
	full atomic.Bool
}

func (l *fullLog) Append(ctx context.Context, m hub.Message) (hub.ID, error) {
	if l.full.Load() && !m.State {
		return hub.ID{}, hub.ErrLogFull
	}
	return l.MemoryLog.Append(ctx, m)
}

// A document that waits because of AtMost, and that cannot be published before its stream is polled,
// does not come behind the documents of the poller.
func TestWaitingDocumentOfAPolledStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fullLog{MemoryLog: hub.NewMemoryLog()}
		p := newPollux(t, Options{Streams: []Stream{{AtMost: time.Second}}, Hub: hub.Options{Log: log}})
		ctx, cancel := context.WithCancel(t.Context())
		running := parts.Start(ctx, []parts.Part{{Name: "hub", Run: p.hub.Run}, {Name: "conflater", Run: p.latest.Run}, {Name: "poller", Run: p.poller.Run}})
		defer func() {
			cancel()
			if err := running.All(); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		for value := range 2 {
			if id, err := p.Publish(t.Context(), "", value); err != nil || id.IsZero() != (value == 1) {
				t.Fatalf("%d: %v, %v", value, id, err)
			}
		}
		log.full.Store(true)
		source := poller.Func(func(context.Context) (any, error) { return "polled", nil })
		if _, err := p.SetStreams([]Stream{{Poll: poller.Stream{Source: source, Every: time.Hour}}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		log.full.Store(false)
		time.Sleep(time.Minute)
		if e, err := p.Hub().Latest(""); err != nil || string(e.Data()) != `"polled"` {
			t.Errorf("the newest document is %s, %v", e.Data(), err)
		}
	})
}

// What waits because of AtMost does not delay the end for long if the log takes nothing.
func TestShutdownDoesNotWaitForLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPollux(t, Options{Streams: []Stream{{AtMost: time.Hour}}}) // which does not run
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for n, waits := range []bool{false, true} {
			if id, err := p.Publish(ctx, "", n); err != nil || id.IsZero() != waits {
				t.Fatalf("document %d: %v, %v", n, id, err)
			}
		}
		begin := time.Now()
		p.publishLatest()
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

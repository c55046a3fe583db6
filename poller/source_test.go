package poller_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// TestSaved counts the requests that clients did not have to send, before and after a
// change of the stream.
func TestSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		p.audience = newAudience(false)
		polling, _ := start(t, p, script(gives(`1`)))
		var want uint64
		expect := func(clients int) {
			t.Helper()
			time.Sleep(every)
			synctest.Wait()
			if got := polling.Status()[0].Saved; got != want {
				t.Errorf("with %d clients: %d requests saved, want %d", clients, got, want)
			}
		}
		expect(0)
		p.audience.join()
		expect(1)
		p.audience.join()
		want++
		expect(2)
		p.audience.join()
		want += 2
		expect(3)
		set(t, polling, poller.Change{Changed: []string{"default"}}, poller.Stream{Source: script(gives(`2`)), Every: every})
		want += 2 + 2 // at once, and at the tick
		expect(3)
	})
}

// TestSourceStats checks the counters of sources, across changes of the stream.
func TestSourceStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := script(gives(`1`)), script(gives(`1`))
		first.stats = poller.SourceStats{Requests: 9, Retries: 3, Redirects: 9, Refused: 2}
		second.stats = poller.SourceStats{Retries: 10, Refused: 20}
		polling, _ := start(t, newPublisher(), first)
		expect := func(when string, retries, refused uint64) {
			t.Helper()
			synctest.Wait()
			if got := polling.Status()[0]; got.Retries != retries || got.Refused != refused {
				t.Errorf("%s: %d retries, %d refused, want %d, %d", when, got.Retries, got.Refused, retries, refused)
			}
		}
		expect("at first", 3, 2)
		set(t, polling, poller.Change{Changed: []string{"default"}}, poller.Stream{Source: first, Every: every})
		expect("with the same source", 3, 2)
		set(t, polling, poller.Change{Changed: []string{"default"}}, poller.Stream{Source: second, Every: every})
		expect("with another one", 13, 22)
	})
}

// closing is a source whose Close fails.
type closing struct {
	poller.Source
	close func() error
}

func (c closing) Close() error { return c.close() }

// TestCloseFails checks that a source that cannot be closed is logged, and that Run
// ends nevertheless.
func TestCloseFails(t *testing.T) {
	for name, closes := range map[string]func() error{
		"error": func() error { return errBoom }, "panic": func() error { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				_, stop := start(t, newPublisher(), closing{script(gives(`1`)), closes}, func(o *poller.Options) {
					o.Logger = slog.New(slog.NewTextHandler(&out, nil))
				})
				synctest.Wait()
				stop()
				if text := out.String(); !strings.Contains(text, `level=WARN msg="source not closed"`) || !strings.Contains(text, "boom") {
					t.Errorf("the log says %q", text)
				}
			})
		})
	}
}

// without is a publisher without streams.
type without struct{ *publisher }

func (without) Demand(string) (hub.Demand, error) { return nil, hub.ErrUnknownStream }

// TestUnknownToThePublisher names a stream that the hub does not have.
func TestUnknownToThePublisher(t *testing.T) {
	s := script(gives(`1`))
	_, err := poller.New(poller.Options{Publisher: without{newPublisher()}, Streams: []poller.Stream{{Name: "a", Source: s}}})
	if !errors.Is(err, hub.ErrUnknownStream) || !strings.Contains(err.Error(), `stream "a"`) {
		t.Errorf("got %v", err)
	}
	polling, err := poller.New(poller.Options{Publisher: without{newPublisher()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := polling.Set([]poller.Stream{{Source: s}}); !errors.Is(err, hub.ErrUnknownStream) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := polling.Run(ctx); err != nil || s.closed.Load() != 0 {
		t.Errorf("%v, closed %d times, want never", err, s.closed.Load())
	}
}

func TestStatusOfOneStream(t *testing.T) {
	polling, err := poller.New(poller.Options{Publisher: newPublisher(), Streams: []poller.Stream{{Name: "a", Source: newSource(nil)}}})
	if err != nil {
		t.Fatal(err)
	}
	if status, found := polling.StatusOf("a"); !found || status.Name != "a" {
		t.Errorf("got %+v, %v", status, found)
	}
	if status, found := polling.StatusOf("b"); found {
		t.Errorf("a stream that is not there has %+v", status)
	}
}

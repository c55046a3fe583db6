package pollux

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
)

// A change of the set does not wait long for a log that takes nothing.
func TestSetStreamsDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPollux(t, Options{}) // which does not run
		begin := time.Now()
		p.pushOnly("default")
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestSetStreams(t *testing.T) {
	polled := poller.Stream{Source: &mock.Source{}, Every: time.Hour}
	a, b := Stream{Name: "a", Revision: "1"}, Stream{Name: "b", Revision: "1", Poll: polled}
	p := newPollux(t, Options{Streams: []Stream{a, b}})
	stop := run(t, p)
	changed, unnamed := a, b
	changed.Revision, unnamed.Revision = "2", ""
	pushed := Stream{Name: "b", Revision: "3"}
	for i, step := range []struct {
		streams []Stream
		want    Change
		polled  bool // whether b is
	}{
		{[]Stream{a, b}, Change{Kept: 2}, true},
		{[]Stream{changed, b}, Change{Changed: []string{"a"}, Kept: 1}, true},
		{[]Stream{changed, unnamed}, Change{Changed: []string{"b"}, Kept: 1}, true},
		{[]Stream{changed, unnamed}, Change{Changed: []string{"b"}, Kept: 1}, true},
		{[]Stream{changed, pushed}, Change{Changed: []string{"b"}, Kept: 1}, false},
		{[]Stream{changed}, Change{Removed: []string{"b"}, Kept: 1}, false},
		{[]Stream{b, changed}, Change{Added: []string{"b"}, Kept: 1}, true},
		{nil, Change{Added: []string{"default"}, Removed: []string{"b", "a"}}, false},
	} {
		got, err := p.SetStreams(step.streams)
		for _, names := range []*[]string{&step.want.Added, &step.want.Changed, &step.want.Removed} {
			if *names == nil {
				*names = []string{}
			}
		}
		if diff := cmp.Diff(step.want, got); err != nil || diff != "" {
			t.Errorf("step %d: %v\n%s", i, err, diff)
		}
		if status := p.poller.Status(); (len(status) == 1) != step.polled {
			t.Errorf("step %d: polled are %v", i, status)
		}
	}
	for _, wrong := range []Stream{{Name: "error"}, {Key: "id"}, {Poll: poller.Stream{Source: &mock.Source{}, Every: -1}}} {
		if _, err := p.SetStreams([]Stream{a, wrong}); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
		if diff := cmp.Diff([]string{"default"}, p.hub.StreamNames()); diff != "" {
			t.Error(diff)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Descriptors are divided at the start. If later there are more streams than connections
// to upstreams, the log says so.
func TestSetStreamsBeyondTheLimits(t *testing.T) {
	var log strings.Builder
	p := newPollux(t, Options{Limits: Limits{Upstreams: 1}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	polled := poller.Stream{Source: &mock.Source{}, Every: time.Hour}
	streams := []Stream{{Name: "a", Poll: polled}, {Name: "b", Poll: polled}}
	for n, want := range []bool{false, false, true} {
		log.Reset()
		if _, err := p.SetStreams(streams[:n]); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "fewer connections to upstreams than streams"); got != want {
			t.Errorf("with %d streams the log says: %s", n, log.String())
		}
	}
}

// A mistake that the poller finds, in one stream, costs the others nothing.
func TestRefusedSetStreamsChangesNothing(t *testing.T) {
	wrong := Stream{Name: "bad", Poll: poller.Stream{Source: &mock.Source{}, Every: -1}}
	p := newPollux(t, Options{Streams: []Stream{{Name: "prices", Keys: letters(t)}, {Name: "news"}}})
	stop := run(t, p)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := p.Publish(t.Context(), "news", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Publish(t.Context(), "prices/A", 1); err != nil {
		t.Fatal(err)
	}
	s, err := p.Hub().Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"prices/A"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	digits, err := hub.NewKeyPattern("[0-9]+")
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.SetStreams([]Stream{{Name: "prices", Keys: &hub.KeyOptions{Match: digits}}, {Name: "news", Keys: letters(t)}, wrong})
	if err == nil {
		t.Fatal("taken")
	}
	for _, name := range []string{"news", "prices/A"} {
		if e, err := p.Hub().Latest(name); err != nil || e == nil {
			t.Errorf("%s has lost its document: %v", name, err)
		}
	}
	if err := s.Err(); err != nil {
		t.Errorf("a client has lost its stream: %v", err)
	}
}

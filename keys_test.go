package pollux

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
)

func letters(t *testing.T) *hub.KeyOptions {
	t.Helper()
	match, err := hub.NewKeyPattern("[A-Z]+")
	if err != nil {
		t.Fatal(err)
	}
	return &hub.KeyOptions{Match: match}
}

// nothing is an upstream that has no key.
type nothing struct{}

func (nothing) FetchKeys(context.Context, []string, poller.Version) (poller.Reading, error) {
	return poller.Reading{}, &poller.Error{Class: "http_404"}
}

// What the hub has to know of a stream depends on whether it is polled and has keys.
func TestStreamOptions(t *testing.T) {
	polled, keyed := poller.Stream{Source: &mock.Source{}}, poller.Stream{Keys: &poller.Keys{Source: nothing{}}}
	for name, test := range map[string]struct {
		stream Stream
		keeps  hub.Options
		want   hub.StreamOptions
	}{
		"pushed":                    {Stream{}, hub.Options{}, hub.StreamOptions{}},
		"polled":                    {Stream{Poll: polled}, hub.Options{}, hub.StreamOptions{Replay: hub.ReplayAuto}},
		"polled, all":               {Stream{Poll: polled, Replay: hub.ReplayAll}, hub.Options{}, hub.StreamOptions{Replay: hub.ReplayAll}},
		"polled, bounds of auto":    {Stream{Poll: polled, ReplayEvents: 1, ReplayBytes: 2}, hub.Options{}, hub.StreamOptions{Replay: hub.ReplayAuto, ReplayEvents: 1, ReplayBytes: 2}},
		"pushed keys":               {Stream{Keys: &hub.KeyOptions{Max: 1}}, hub.Options{}, hub.StreamOptions{Keys: &hub.KeyOptions{Max: 1, Pushed: true}}},
		"polled keys":               {Stream{Keys: &hub.KeyOptions{Pushed: true}, Poll: keyed}, hub.Options{}, hub.StreamOptions{Replay: hub.ReplayAuto, History: 100, HistoryBytes: 65536, Keys: &hub.KeyOptions{}}},
		"polled keys, less history": {Stream{Keys: &hub.KeyOptions{}, Poll: keyed}, hub.Options{History: 99, HistoryBytes: 65535}, hub.StreamOptions{Replay: hub.ReplayAuto, History: 99, HistoryBytes: 65535, Keys: &hub.KeyOptions{}}},
		"polled keys, more history": {Stream{Keys: &hub.KeyOptions{}, Poll: keyed}, hub.Options{History: 101, HistoryBytes: 65537}, hub.StreamOptions{Replay: hub.ReplayAuto, History: 100, HistoryBytes: 65536, Keys: &hub.KeyOptions{}}},
		"polled keys, own history":  {Stream{Keys: &hub.KeyOptions{}, Poll: keyed, History: 200, HistoryBytes: 1 << 20}, hub.Options{}, hub.StreamOptions{Replay: hub.ReplayAuto, History: 200, HistoryBytes: 1 << 20, Keys: &hub.KeyOptions{}}},
	} {
		test.want.Name = "default"
		set, err := newStreamSet([]Stream{test.stream}, Options{Hub: test.keeps})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, set.history[0], cmpopts.EquateComparable(hub.KeyPattern{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, wrong := range []Stream{
		{Poll: keyed}, {Poll: polled, Keys: letters(t)}, {Poll: poller.Stream{Source: &mock.Source{}, Keys: keyed.Keys}, Keys: letters(t)},
	} {
		if p, err := New(Options{Streams: []Stream{wrong}}); err == nil {
			t.Errorf("%+v is taken: %v", wrong, p)
		}
	}
}

// A stream with keys counts as many connections to upstreams as it has requests at once.
func TestConnectionsOfKeys(t *testing.T) {
	set, err := newStreamSet([]Stream{
		{Name: "a", Poll: poller.Stream{Source: &mock.Source{}}},
		{Name: "b", Keys: letters(t), Poll: poller.Stream{Keys: &poller.Keys{Source: nothing{}}}},
		{Name: "c", Keys: letters(t), Poll: poller.Stream{Keys: &poller.Keys{Source: nothing{}, Parallel: 3}}},
		{Name: "d", Keys: letters(t)},
	}, Options{})
	if err != nil || set.connections() != 1+16+3 {
		t.Errorf("%d connections, %v", set.connections(), err)
	}
}

// When keys that were polled are only published to, each of them is live.
func TestKeysThatArePolledNoMore(t *testing.T) {
	p := newPollux(t, Options{Streams: []Stream{{Keys: letters(t), Poll: poller.Stream{Keys: &poller.Keys{Source: nothing{}}}}}})
	stop := run(t, p)
	next := make(map[string]func() string)
	for _, key := range []string{"A", "B"} {
		s, err := p.Hub().Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"default/" + key}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		replay := s.Replay() // the answer may come before the subscription has joined
		next[key] = func() string {
			if len(replay) > 0 {
				e := replay[0]
				replay = replay[1:]
				return string(e.Data())
			}
			select {
			case e := <-s.Events():
				return string(e.Data())
			case <-time.After(time.Minute):
				return "nothing"
			}
		}
		if told := next[key](); !strings.Contains(told, `"state":"down"`) || !strings.Contains(told, "http_404") {
			t.Errorf("%s was told %s", key, told)
		}
		if _, err := p.Publish(t.Context(), "default/"+key, 1); err == nil {
			t.Errorf("%s is polled, and takes a document", key)
		}
	}
	if _, err := p.SetStreams([]Stream{{Keys: letters(t)}}); err != nil {
		t.Fatal(err)
	}
	for key, next := range next {
		if told := next(); !strings.Contains(told, `"state":"live"`) {
			t.Errorf("%s was told %s", key, told)
		}
		if _, err := p.Publish(t.Context(), "default/"+key, 1); err != nil {
			t.Error(err)
		}
		if told := next(); told != "1" {
			t.Errorf("%s was told %s", key, told)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

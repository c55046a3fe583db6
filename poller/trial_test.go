package poller_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
)

// TestTry asks once, and makes of the answer what a poller would publish.
func TestTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := func() (poller.Reading, error) {
			time.Sleep(3 * time.Second)
			return poller.Reading{Document: []byte(` {"a": 1} `), Wait: 1000 * time.Hour, Said: "A: b", Notice: "n"}, nil
		}
		s := script(answered)
		stream := poller.Stream{Source: s, Every: every, Reshape: func(_ context.Context, doc []byte) ([]byte, error) {
			return append(bytes.Clone(doc), ' '), nil
		}}
		got, err := stream.Try(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := poller.Trial{
			Reading: poller.Reading{Document: []byte(` {"a": 1} `), Wait: 1000 * time.Hour, Said: "A: b", Notice: "n"},
			Took:    3 * time.Second, Document: []byte(`{"a":1}`), Parts: []poller.Part{{Document: []byte(`{"a":1}`)}},
			Wait: poller.DefaultMaxWait, Said: "A: b",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if n := len(s.asked()); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestTryFails has upstreams of which a poller would publish nothing.
func TestTryFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		stream poller.Stream
		class  string
	}{
		{"an error", poller.Stream{Source: script(fails)}, "error"},
		{"not JSON", poller.Stream{Source: script(gives("<"))}, "invalid_json"},
		{"nothing has changed", poller.Stream{Source: script(unchanged)}, "no_document"},
		{"no success", poller.Stream{Source: script(gives("1")), Judge: func(context.Context, []byte) error {
			return &poller.Error{Class: "refused"}
		}}, "refused"},
		{"not reshaped", poller.Stream{Source: script(gives("1")), Reshape: func(context.Context, []byte) ([]byte, error) {
			return nil, &poller.Error{Class: "select"}
		}}, "select"},
		{"a panic", poller.Stream{Source: script(func() (poller.Reading, error) { panic("boom") })}, "panic"},
		{"no answer in time", poller.Stream{Timeout: time.Second, Source: newSource(func(ctx context.Context, _ call) (poller.Reading, error) {
			<-ctx.Done()
			return poller.Reading{}, ctx.Err()
		})}, "timeout"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				trial, err := test.stream.Try(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if class, reason := trial.Class(); class != test.class || reason == "" || len(trial.Parts) > 0 {
					t.Errorf("class %s, want %s; reason %q, parts %v", class, test.class, reason, trial.Parts)
				}
			})
		})
	}
}

// TestTryKeys asks for keys, alone and together.
func TestTryKeys(t *testing.T) {
	answer := newKeySource(func(context.Context, keyCall) (poller.Reading, error) {
		return poller.Reading{Document: []byte(`{"a":1,"b":2}`)}, nil
	})
	nothing := newKeySource(func(context.Context, keyCall) (poller.Reading, error) {
		return poller.Reading{Document: []byte(`{}`)}, nil
	})
	for _, test := range []struct {
		name   string
		stream poller.Stream
		keys   []string
		want   []poller.Part
		class  string
		wrong  bool
	}{
		{"one key", keyed(answer, 1), []string{"a"}, []poller.Part{{Key: "a", Document: []byte(`{"a":1,"b":2}`)}}, "", false},
		{"two keys", keyed(answer, 2), []string{"a", "b"}, []poller.Part{{Key: "a", Document: []byte("1")}, {Key: "b", Document: []byte("2")}}, "", false},
		{"the answer has none", keyed(nothing, 2), []string{"a"}, nil, "no_document", false},
		{"no key", keyed(answer, 2), nil, nil, "", true},
		{"too many", keyed(answer, 2), []string{"a", "b", "c"}, nil, "", true},
		{"a stream without keys", poller.Stream{Source: script(gives("1"))}, []string{"a"}, nil, "", true},
		{"a stream that is wrong", poller.Stream{}, nil, nil, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			trial, err := test.stream.Try(t.Context(), test.keys...)
			if (err != nil) != test.wrong {
				t.Fatal(err)
			}
			class := ""
			if trial.Err != nil {
				class, _ = trial.Class()
			}
			if diff := cmp.Diff(test.want, trial.Parts); diff != "" || class != test.class {
				t.Errorf("class %q, want %q (-want +got)\n%s", class, test.class, diff)
			}
		})
	}
}

package canary_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/canary"
)

func TestTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s canary.Source
		for _, want := range []string{
			`{"tick":1,"timestamp":"2000-01-01T00:00:00.000Z"}`,
			`{"tick":2,"timestamp":"2000-01-01T00:00:00.000Z"}`,
		} {
			reading, err := s.Fetch(t.Context(), poller.Version{})
			if err != nil || string(reading.Document) != want {
				t.Errorf("got %s, %v, want %s", reading.Document, err, want)
			}
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Fetch(over, poller.Version{}); err == nil {
			t.Error("no error although the context has ended")
		}
	})
	if err := hub.CheckStream(canary.Stream); err != nil {
		t.Error(err)
	}
}

package mock_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/internal/leak"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestFetch(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("elsewhere", 5*60*60)
	defer func() { time.Local = local }()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(1500 * time.Microsecond)
		for _, test := range []struct {
			value int
			want  string
		}{
			{0, `{"timestamp":"2000-01-01T00:00:00.001Z","value":0,"message":"Random update: 0"}`},
			{99, `{"timestamp":"2000-01-01T00:00:00.001Z","value":99,"message":"Random update: 99"}`},
		} {
			s := &mock.Source{IntN: func(n int) int {
				if n != 100 {
					t.Errorf("asked for a number below %d, want 100", n)
				}
				return test.value
			}}
			got, err := s.Fetch(t.Context(), poller.Version{})
			if err != nil || string(got.Document) != test.want {
				t.Errorf("got  %s, %v\nwant %s", got.Document, err, test.want)
			}
			if got.Unchanged || got.Version != (poller.Version{}) {
				t.Errorf("version %+v, unchanged %v", got.Version, got.Unchanged)
			}
		}
	})
}

// TestZeroValue draws often enough to see a value out of range, and different values.
func TestZeroValue(t *testing.T) {
	var s mock.Source
	seen := map[int]bool{}
	for range 2000 {
		got, err := s.Fetch(t.Context(), poller.Version{})
		if err != nil {
			t.Fatal(err)
		}
		var document struct{ Value int }
		if err := json.Unmarshal(got.Document, &document); err != nil {
			t.Fatal(err)
		}
		if document.Value < 0 || document.Value > 99 {
			t.Fatalf("value %d, want 0 to 99", document.Value)
		}
		seen[document.Value] = true
	}
	if len(seen) < 90 {
		t.Errorf("%d different values in 2000 draws", len(seen))
	}
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := new(mock.Source).Fetch(ctx, poller.Version{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

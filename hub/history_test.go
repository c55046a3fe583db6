package hub

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A search by time finds the first event of that time or later, and all events after
// it, even if the clock was set.
func TestHistoryFrom(t *testing.T) {
	noon := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name    string
		minutes []int // of each event, after noon
		max     int
		at      int
		want    []uint64
		all     bool
	}{
		{"in order", []int{0, 1, 2, 3}, 9, 2, []uint64{3, 4}, true},
		{"at the beginning", []int{0, 1, 2, 3}, 9, -1, []uint64{1, 2, 3, 4}, true},
		{"later than all", []int{0, 1, 2, 3}, 9, 4, nil, true},
		{"set back", []int{60, 61, 2, 3, 4}, 9, 61, []uint64{2, 3, 4, 5}, true},
		{"set back, and what was after", []int{60, 61, 2, 3, 4}, 9, 3, []uint64{1, 2, 3, 4, 5}, true},
		{"set back, later than all", []int{60, 61, 2, 3, 4}, 9, 62, nil, true},
		{"set back at the second", []int{60, 1, 2, 3, 4}, 9, 30, []uint64{1, 2, 3, 4, 5}, true},
		{"set back, and that is gone", []int{60, 1, 2, 3, 4}, 3, 3, []uint64{4, 5}, true},
		{"set back, and some are gone", []int{60, 61, 2, 3, 4}, 3, 2, []uint64{3, 4, 5}, false},
	} {
		h := history{maxEvents: test.max, maxBytes: 1 << 20}
		for i, minutes := range test.minutes {
			h.add(&Event{id: ID{seq: uint64(i + 1)}, time: noon.Add(time.Duration(minutes) * time.Minute)})
		}
		events, all := h.from(noon.Add(time.Duration(test.at) * time.Minute))
		var got []uint64
		for _, e := range events {
			got = append(got, e.id.seq)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || all != test.all {
			t.Errorf("%s: all is %v (-want +got)\n%s", test.name, all, diff)
		}
	}
}

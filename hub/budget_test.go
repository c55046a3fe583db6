package hub

import (
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// A budget gives the same result as looking at every stream.
func TestBudgetBehavesLikeItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := budget{limit: rapid.IntRange(1, 40).Draw(t, "limit")}
		var streams []*stream
		seq := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"stream": func(*rapid.T) {
				s := &stream{name: strconv.Itoa(len(streams)), history: history{maxEvents: 5, maxBytes: 30}}
				streams = append(streams, s)
				b.add(s)
			},
			"remove": func(t *rapid.T) {
				if len(streams) > 0 {
					i := rapid.IntRange(0, len(streams)-1).Draw(t, "stream")
					b.remove(streams[i])
					streams = slices.Delete(streams, i, i+1)
				}
			},
			"event": func(t *rapid.T) {
				if len(streams) == 0 {
					return
				}
				s := streams[rapid.IntRange(0, len(streams)-1).Draw(t, "stream")]
				seq++
				size := rapid.IntRange(1, 12).Draw(t, "size")
				spares := make(map[*stream]int)
				for _, other := range streams {
					spares[other] = other.history.evictable()
				}
				before := s.history.extent()
				s.history.add(&Event{id: ID{"e", seq}, size: size})
				spares[s] = s.history.evictable()
				b.changed(s, before)
				// No stream evicted while another one could have evicted more.
				most := 0
				for _, other := range streams {
					most = max(most, other.history.evictable())
				}
				for other, spare := range spares {
					if given := spare - other.history.evictable(); given > 0 && spare < most {
						t.Fatalf("a stream gave %d of %d, and another has %d still", given, spare, most)
					}
				}
			},
			"": func(t *rapid.T) {
				bytes, most := 0, 0
				for _, s := range streams {
					sum := 0
					for _, e := range s.history.events {
						sum += e.size
					}
					if sum != s.history.bytes {
						t.Fatalf("a stream says it keeps %d, and keeps %d", s.history.bytes, sum)
					}
					bytes += sum
					most = max(most, s.history.evictable())
				}
				if b.bytes != bytes || bytes > b.limit && most > 0 {
					t.Fatalf("%d bytes of %d, counted as %d, %d could be evicted", bytes, b.limit, b.bytes, most)
				}
				for i, s := range b.order {
					if s.rank != i || !slices.Contains(streams, s) {
						t.Fatalf("a stream of rank %d at %d", s.rank, i)
					}
					if i > 0 && b.order[(i-1)/2].history.evictable() < s.history.evictable() {
						t.Fatalf("at %d is a stream that could give more than the one above it", i)
					}
				}
				if len(b.order) != len(streams) || len(streams) > 0 && b.order[0].history.evictable() != most {
					t.Fatalf("%d of %d streams, the first could give most", len(b.order), len(streams))
				}
			},
		})
	})
}

// There may be a hundred thousand subscriptions: 112 bytes is a size class of the
// allocator, and the next one is 128. Fields that few of them need belong into rare.
func TestSubscriptionsAreSmall(t *testing.T) {
	if size := unsafe.Sizeof(Subscription{}); size > 112 && unsafe.Sizeof(size) == 8 {
		t.Errorf("a subscription takes %d bytes", size)
	}
}

// The size of an event covers what it takes beside its encoding.
func TestOverheadOfEvents(t *testing.T) {
	e, err := NewEvent(ID{"e", 1}, time.Now(), Message{Data: []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	unused := cap(e.room) - len(e.room)
	list := 2 * int(unsafe.Sizeof(e)) // a slice that grows has up to twice the capacity
	if took := int(unsafe.Sizeof(*e)) + AttachmentBytes + Headroom + Tailroom + unused + list; took > eventOverhead {
		t.Errorf("an event takes %d bytes beside its encoding", took)
	}
	// A document of several lines is not in the frame as it is.
	lines, err := NewEvent(ID{"e", 1}, time.Now(), Message{Data: []byte("1\n2")})
	if err != nil {
		t.Fatal(err)
	}
	if want := eventOverhead + len(lines.Frame()) + len("1\n2"); lines.size != want {
		t.Errorf("an event with a copy of its document counts for %d, want %d", lines.size, want)
	}
}

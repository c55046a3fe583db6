package hub_test

import (
	"runtime"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/polluxhub/pollux/hub"
)

// An event keeps nothing of the text in which its publisher found the name of the stream. It did
// keep the line of the request, beside what history counts for it.
func TestAnEventKeepsNothingOfItsRequest(t *testing.T) {
	match, err := hub.NewKeyPattern("[A-Z]+")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := runHub(t, hub.Options{Streams: []hub.StreamOptions{{Name: "news"}, {Name: "prices", Keys: &hub.KeyOptions{Match: match, Pushed: true}}}})
	for _, name := range []string{"news", "prices/BTC"} {
		kept := publishWithin(t, h, name)
		for deadline := time.Now().Add(patience); kept.Value() != nil; runtime.GC() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the text is kept", name)
			}
		}
		if e, err := h.Latest(name); err != nil || e == nil || e.Stream() != name {
			t.Errorf("%s: %v, %v", name, e, err)
		}
	}
}

// publishWithin publishes to a stream whose name is a part of a large text, and returns a pointer
// that does not keep the text.
func publishWithin(t *testing.T, h *hub.Hub, name string) weak.Pointer[byte] {
	t.Helper()
	large := make([]byte, 1<<20)
	copy(large, name)
	publish(t, h, unsafe.String(&large[0], len(name)), "1")
	return weak.Make(&large[0])
}

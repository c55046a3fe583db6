package fanout_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// withinLarge returns a text that shares the memory of a large one, as what was parsed from a
// request shares that of the request, and a pointer that does not keep the large one.
func withinLarge(text string) (string, weak.Pointer[byte]) {
	large := make([]byte, 1<<20)
	copy(large, text)
	return unsafe.String(&large[0], len(text)), weak.Make(&large[0])
}

// A client keeps nothing of its request. What it did keep, a name of its stream and the epoch
// of its Last-Event-ID, grew a server in which clients came back by a third.
func TestAClientKeepsNothingOfItsRequest(t *testing.T) {
	r := newRig(t, hub.Options{Streams: hub.Named("prices", "news")}, fanout.Options{}, nil, portable)
	open := func() (clients []*fanout.Client, kept map[string]weak.Pointer[byte]) {
		kept = make(map[string]weak.Pointer[byte])
		part := func(what, text string) (within string) {
			within, kept[what] = withinLarge(text)
			return within
		}
		for _, req := range []fanout.Request{
			{Streams: []string{part("a name", "prices")}},
			{Streams: []string{part("a name beside a hidden one", "prices"), "news"}, Hidden: []string{"news"}, SkipUnknown: true},
			{Streams: []string{"prices"}, LastEventID: hub.ParseLastEventID(part("a Last-Event-ID", "0123456789abcdef-7"))},
		} {
			client, err := r.engine.Open(httptest.NewRequest(http.MethodGet, "/", http.NoBody), req)
			if err != nil {
				t.Fatal(err)
			}
			clients = append(clients, client)
		}
		return clients, kept
	}
	clients, kept := open()
	for deadline := time.Now().Add(patience); len(kept) > 0; {
		runtime.GC() // one is not enough if another goroutine has seen the text last
		maps.DeleteFunc(kept, func(_ string, pointer weak.Pointer[byte]) bool { return pointer.Value() == nil })
		if time.Now().After(deadline) {
			t.Fatalf("the memory of the request is kept by %v", slices.Collect(maps.Keys(kept)))
		}
	}
	for _, c := range clients {
		c.Close()
	}
}

package fanout

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/view"
)

// catchUpRig is a hub that runs, and an engine without writers.
func catchUpRig(t *testing.T, ho hub.Options, o Options) (*hub.Hub, *Engine) {
	t.Helper()
	h, err := hub.New(ho)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for h.Position().IsZero() {
		runtime.Gosched()
	}
	o.Hub = h
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h, e
}

func pub(t *testing.T, h *hub.Hub, stream, data string) hub.ID {
	t.Helper()
	id, err := h.Publish(t.Context(), hub.Message{Stream: stream, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A client that waits for a packed document which catchUp then leaves out.
func TestDocumentThatIsLeftOutWhileItIsMade(t *testing.T) {
	h, e := catchUpRig(t, hub.Options{Streams: []hub.StreamOptions{{Name: "default", Replay: hub.ReplayAuto}}}, Options{})
	stop := e.views.Start(1)
	defer stop()
	c, err := e.Open(httptest.NewRequest(http.MethodGet, "/", nil), Request{Gzip: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	random := func(n int) string {
		var b strings.Builder
		fmt.Fprintf(&b, `"%d `, n)
		for range 20_000 {
			b.WriteByte('a' + byte(rand.IntN(26)))
		}
		return b.String() + `"`
	}
	var all []byte
	all = append(all, c.preface().Body...)
	made := make(view.Signal, 1)
	pub(t, h, "", random(1))
	for len(c.subscription.Events()) == 0 { // Publish may return before
		runtime.Gosched()
	}
	bufs, state := c.gather(nil, false, made)
	if state != waiting {
		t.Fatal(state)
	}
	for _, b := range bufs {
		all = append(all, b...)
	}
	<-made
	pub(t, h, "", random(2))
	for len(c.subscription.Events()) == 0 {
		runtime.Gosched()
	}
	c.behind = true // as writer.resume does
	for {
		bufs, state = c.gather(nil, false, made)
		for _, b := range bufs {
			all = append(all, b...)
		}
		if state == waiting {
			<-made
			continue
		}
		if state == drained {
			break
		}
	}
	r, err := gzip.NewReader(bytes.NewReader(all))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // the stream has not ended
		t.Fatal(err)
	}
	got := regexp.MustCompile(`data: \S{0,24}( \w)?`).FindAllString(string(text), -1)
	if !strings.Contains(string(text), `data: "2 `) {
		t.Errorf("the newest document did not arrive: %q", got)
	}
}

// openBehind opens a client of ten streams that send the newest document, which has not
// taken one of each yet, and has a channel with room for one.
func openBehind(t *testing.T, document string) *Client {
	t.Helper()
	var streams []hub.StreamOptions
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprint("s", i))
		streams = append(streams, hub.StreamOptions{Name: names[i], Replay: hub.ReplayLatest})
	}
	h, e := catchUpRig(t, hub.Options{Streams: streams, Buffer: 1}, Options{})
	c, err := e.Open(httptest.NewRequest(http.MethodGet, "/", nil), Request{Streams: names})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, name := range names {
		pub(t, h, name, document)
	}
	c.behind = true
	return c
}

// A client that is behind does not keep its writer for as long as its replay has portions.
func TestCatchUpEnds(t *testing.T) {
	c := openBehind(t, strings.Repeat("1", 1<<20)) // a portion each
	c.catchUp()
	if c.backlog.len() != 1+maxCatchUp {
		t.Errorf("%d documents at once, want one of the channel and %d portions", c.backlog.len(), maxCatchUp)
	}
}

// For a client that gets the newest document less is encoded ahead than for others.
func TestPortionOfAClientThatGetsTheNewest(t *testing.T) {
	c := openBehind(t, strings.Repeat("1", 6<<10))
	for i, want := range []int{3, 3, 3, 1} {
		bufs, state := c.gather(nil, false, nil)
		documents := 0
		for _, buf := range bufs {
			documents += bytes.Count(buf, []byte("data:"))
		}
		if documents != want {
			t.Errorf("portion %d: %d documents, state %v, want %d", i, documents, state, want)
		}
	}
}

// A slow client of a state stream and of one with all events.
func TestBacklogOfASlowClientIsBounded(t *testing.T) {
	const size = 10_000
	h, e := catchUpRig(t, hub.Options{
		HistoryBytes: 20 * size, TotalHistoryBytes: 40 * size,
		Streams: []hub.StreamOptions{{Name: "state", Replay: hub.ReplayAuto}, {Name: "all"}}}, Options{HeldBytes: 1 << 20})
	c, err := e.Open(httptest.NewRequest(http.MethodGet, "/", nil), Request{Streams: []string{"state", "all"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := 0
	for range 200 {
		for range 10 {
			n++
			pub(t, h, "all", fmt.Sprintf(`"%d %s"`, n, strings.Repeat("x", size)))
		}
		// what pump does while the socket is full, then what resume does
		c.subscription.Pause(largeHeld)
		c.letGo()
		c.behind = true
		bufs, state := c.gather(nil, true, nil)
		if state == broken && c.mayResubscribe() {
			c.resubscribe()
		}
		if len(bufs) > 0 {
			c.engine.holdings.hold(c, bufs, 0, true)
		}
	}
	if c.backlog.len()*size > 4<<20 {
		t.Errorf("the backlog of one client has %d bytes", c.backlog.len()*size)
	}
}

// A document that was left out before the position of the client.
func TestPartsOfADocumentThatWasLeftOut(t *testing.T) {
	h, e := catchUpRig(t, hub.Options{Streams: []hub.StreamOptions{{Name: "a", Replay: hub.ReplayLatest}, {Name: "b"}}}, Options{})
	pub(t, h, "a", `{"x":1,"y":1}`)
	at := pub(t, h, "b", `{"x":0,"y":2}`)
	pub(t, h, "a", `{"x":2,"y":3}`)
	pub(t, h, "b", `{"x":7,"y":4}`)
	pub(t, h, "a", `{"x":2,"y":5}`)
	open := func(id string) string {
		c, err := e.Open(httptest.NewRequest(http.MethodGet, "/", nil), Request{Streams: []string{"a", "b"}, LastEventID: hub.ParseLastEventID(id), View: view.View{Fields: []string{"/x"}}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		bufs, _ := c.gather(nil, false, nil)
		return string(bytes.Join(bufs, nil))
	}
	first := open(at.String())
	ids := regexp.MustCompile(`id: (\S+)`).FindAllStringSubmatch(first, -1)
	second := open(ids[0][1]) // the connection was cut after the first document
	if !strings.Contains(second, `{"x":2}`) {
		t.Errorf("the client has {x:1} of a, and does not get {x:2}: %q, then %q", first, second)
	}
}

// A late client in front of one that need not wait.
func TestWaitingClientDoesNotBlockOthers(t *testing.T) {
	_, e := catchUpRig(t, hub.Options{}, Options{HeldBytes: 1000})
	e.holdings.bytes.Store(2000)
	w := &writer{engine: e}
	for _, p := range []pace{late, unknown} {
		c, err := e.Open(httptest.NewRequest(http.MethodGet, "/", nil), Request{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.adopted, c.pace, c.fd = true, p, -1
		w.awaitRoom(c)
	}
	second := w.waiting[1]
	second.pending.set([][]byte{{1}}) // so that nothing is written
	for range 1000 {                  // these came and left
		w.waiting = append(w.waiting, &Client{handover: handover{waiting: true}})
	}
	e.holdings.bytes.Store(800)
	w.admitWaiting()
	if second.waiting {
		t.Error("a client for which there is room waits behind one for which there is none")
	}
	if len(w.waiting) != 1 {
		t.Errorf("%d clients wait, want the late one", len(w.waiting))
	}
}

// A client that is amid a long replay keeps nothing of what it has taken, once history has
// dropped that. It kept the whole portion, and holdings did not count what was sent of it.
func TestBacklogKeepsNoDocumentThatWasTaken(t *testing.T) {
	h, e := catchUpRig(t, hub.Options{History: 100}, Options{})
	id := pub(t, h, "", "0")
	taken := make([]weak.Pointer[hub.Event], 100)
	for i := range taken {
		pub(t, h, "", fmt.Sprint(i))
		newest, err := h.Latest("default")
		if err != nil {
			t.Fatal(err)
		}
		taken[i] = weak.Make(newest)
	}
	c, err := e.Open(httptest.NewRequest(http.MethodGet, "/", nil), Request{LastEventID: id.LastEventID()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, state := c.gather(nil, false, nil); state != more {
		t.Fatalf("state %d", state)
	}
	left := c.backlog.len()
	if left == 0 || left == len(taken) {
		t.Fatalf("%d of %d documents are left", left, len(taken))
	}
	for range 2 * len(taken) {
		pub(t, h, "", "1")
	}
	deadline := time.Now().Add(30 * time.Second)
	for i := range taken[:len(taken)-left] {
		for taken[i].Value() != nil {
			if runtime.GC(); time.Now().After(deadline) {
				t.Fatalf("document %d is kept", i)
			}
		}
	}
}

package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout"
)

// Parts are picked once for all callers, and equal what a projection picks from the
// document, with workers and without.
func TestPartsArePickedOnce(t *testing.T) { withWorkers(t, testPartsArePickedOnce) }

func testPartsArePickedOnce(t *testing.T, start starter) {
	for _, documents := range []string{`{"a":1,"b":[1,2,{"c":3}]}`, `no document`, "[" + strings.Repeat("1,", 20_000) + "2]"} {
		r := start(hub.Options{}, fanout.Options{})
		r.open(r.dial(), "") // so that a connection is handed over where the rig demands that
		r.publish(documents)
		e, err := r.hub.Latest("default")
		if err != nil {
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		for i := range 100 {
			asking.Go(func() {
				fields := [][]string{nil, {"/a"}, {"/b/2/c", "/5"}, {"/5", "/b/2/c"}}[i%4]
				p, err := document.NewProjection(fields)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := r.engine.Part(t.Context(), e, p)
				if want := p.Apply(e.Data()); err != nil || string(got) != string(want) {
					t.Errorf("%q: got %.80s, %v, want %.80s", fields, got, err, want)
				}
			})
		}
		asking.Wait()
		if made := r.engine.Stats().FormsMade; made != 3 { // the tree, and two different parts
			t.Errorf("%d forms were made for 100 callers", made)
		}
		r.stop()
	}
}

// A caller that waits for a part can give up.
func TestPartCanBeGivenUp(t *testing.T) {
	g := newGate()
	defer g.release()
	r := newRig(t, hub.Options{Streams: hub.Named("big")}, fanout.Options{Key: g.key}, nil, handedOver)
	r.publishTo("big", bigAt(0))
	workers := max(maxProcs()/2, 1)
	for i := range workers {
		r.open(r.dial(), fmt.Sprintf("stream=big&mode=patch&field=/n&field=/filler&field=/%d", i)).expect(bigAt(0))
	}
	r.publishTo("big", bigAt(1))
	r.await("the workers are held", func(fanout.Stats) bool { return g.held.Load() == int64(workers) })
	e, err := r.hub.Latest("big")
	if err != nil {
		t.Fatal(err)
	}
	p, err := document.NewProjection([]string{"/n"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if part, err := r.engine.Part(ctx, e, p); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %s, %v", part, err)
	}
	g.release()
	if part, err := r.engine.Part(t.Context(), e, p); err != nil || string(part) != `{"n":1}` {
		t.Errorf("got %s, %v", part, err)
	}
}

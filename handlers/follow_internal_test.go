package handlers

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/followlog/line"
)

// What a follower wants is bounded, whatever names it makes up: by what there can be, and while
// the follower does not read, by the number of changes. Anybody can follow a server without
// tokens, and could have it remember names without end.
func TestWantsOfAFollowerAreBounded(t *testing.T) {
	match, err := hub.NewKeyPattern("[0-9]+")
	if err != nil {
		t.Fatal(err)
	}
	h, err := hub.New(hub.Options{Streams: []hub.StreamOptions{{Name: "a"}, {Name: "k", Keys: &hub.KeyOptions{Match: match, Max: 100}}}})
	if err != nil {
		t.Fatal(err)
	}
	one := &session{
		server: &server{Options: Options{Hub: h}}, may: func(string, bool) bool { return true }, wanted: map[string]bool{},
		follower: h.Follow(hub.FollowOptions{Sees: func(string) bool { return true }}),
	}
	defer one.follower.Close()
	made := 0
	names := func(count int) (list []string) {
		for range count {
			made++
			list = append(list, fmt.Sprint("k/", made))
		}
		return list
	}
	change := func(want, unwant []string) bool {
		return one.change(line.Change{Want: want, Unwant: unwant}, netip.Addr{})
	}
	first := names(200_000) // one request is heard in any case
	if !change(first, nil) || len(one.wanted) != 101 {
		t.Fatalf("%d names are wanted, want one for each that there can be", len(one.wanted))
	}
	for _, more := range [][2][]string{{names(1), nil}, {nil, names(1)}} {
		if change(more[0], more[1]) {
			t.Error("more changes wait than may")
		}
	}
	refused := one.takeRefused() // which happens when the follower reads
	if len(refused) != len(first)-101 || refused[0] != (refusedStream{first[101], hub.ErrorOverloaded}) {
		t.Errorf("%d names are refused, the first one as %+v", len(refused), refused[0])
	}
	next := names(1)
	if !change(next, first[:1]) || !one.wanted[next[0]] || len(one.wanted) != 101 {
		t.Errorf("a name does not take the place of another one")
	}
	if !change(first[1:2], nil) || len(one.takeRefused()) != 0 {
		t.Error("a name that is wanted is refused when it is wanted again")
	}
}

// deadlined is a recorder that takes deadlines.
type deadlined struct{ *httptest.ResponseRecorder }

func (deadlined) SetWriteDeadline(time.Time) error { return nil }

// A follower keeps no buffer of the size of the largest document that it ever got.
func TestFollowerKeepsNoLargeBuffer(t *testing.T) {
	to := httptest.NewRecorder()
	f := &followStream{w: deadlined{to}}
	for _, size := range []int{1 << 20, 1} {
		f.buffer = append(f.buffer, make([]byte, size)...)
		if err := f.flush(); err != nil {
			t.Fatal(err)
		}
		if kept := cap(f.buffer); kept > 128<<10 {
			t.Errorf("%d bytes are kept after %d", kept, size)
		}
	}
	if got := to.Body.Len(); got != 1<<20+1 {
		t.Errorf("%d bytes were written", got)
	}
}

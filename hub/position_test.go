package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// all returns the beginnings of all events that a subscription replays, in any number
// of portions, and the subscription with the last portion.
func all(t *testing.T, s *hub.Subscription) ([]string, *hub.Subscription) {
	t.Helper()
	got := []string{}
	for {
		alone := true
		for _, e := range s.Replay() {
			text, _, _ := strings.Cut(string(e.Data()), " ")
			if e.Kind() == hub.KindReset {
				text = "reset"
			}
			got, alone = append(got, text), alone && e.Kind() == hub.KindReset
		}
		if s.Err() == nil {
			return got, s
		}
		if alone {
			t.Fatalf("a replay was cut to nothing but a reset, behind %d events", len(got))
		}
		next, err := s.Resume()
		if err != nil {
			t.Fatal(err)
		}
		s = next
	}
}

// untilEnd returns the documents that come before a subscription ends.
func untilEnd(t *testing.T, s *hub.Subscription) []string {
	t.Helper()
	got := []string{}
	for {
		select {
		case e, open := <-s.Events():
			if !open {
				return got
			}
			got = append(got, string(e.Data()))
		case <-time.After(patience):
			t.Fatalf("the subscription does not end, behind %d events", len(got))
		}
	}
}

// awaitEnd waits until the subscription has ended, and receives nothing: that would make
// room in the channel.
func awaitEnd(t *testing.T, s *hub.Subscription) {
	t.Helper()
	for deadline := time.Now().Add(patience); s.Err() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the subscription does not end")
		}
	}
}

// A subscriber that joins before the first event knows its position, and gets every
// event when it resumes.
func TestPositionBeforeTheFirstEvent(t *testing.T) {
	h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "b")})
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}})
	at := s.Position()
	s.Close()
	if !strings.HasSuffix(at.String(), "-0") || at != h.Position() || at.Epoch() != h.Stats().Epoch {
		t.Fatalf("position %v, the hub is at %v", at, h.Position())
	}
	for _, data := range []string{"1", "2", "3"} {
		publish(t, h, "a", data)
	}
	back := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a", "b"}, LastEventID: at.LastEventID()})
	defer back.Close()
	if diff := cmp.Diff([]string{"1", "2", "3"}, texts(back.Replay())); diff != "" {
		t.Error(diff)
	}
}

// The position is that of the timeline, not the newest event of the streams: it moves
// over events that were not for the subscriber.
func TestPositionMovesOverOtherStreams(t *testing.T) {
	h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "b")})
	publish(t, h, "a", "1")
	other := publish(t, h, "b", "2")
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}})
	defer s.Close()
	if s.Position() != other {
		t.Errorf("position %v, want %v", s.Position(), other)
	}
	publish(t, h, "a", "3")
	if s.Position() != other {
		t.Errorf("position behind the replay has become %v", s.Position())
	}
}

// Since has its own lower bound for each stream. However the replay is cut, it
// continues exactly there.
func TestSinceThatIsCut(t *testing.T) {
	big := " " + strings.Repeat("x", 600_000)
	for _, test := range []struct {
		name        string
		old, recent int // documents of b
		want        []string
	}{
		{"a quiet stream beside a busy one", 6, 4, []string{"a0", "b6", "b7", "b8", "b9"}},
		{"history reaches back far enough for one of two", 40, 4, []string{"a0", "b40", "b41", "b42", "b43"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "b")})
			publish(t, h, "a", "a0"+big)
			for i := range test.old {
				publish(t, h, "b", fmt.Sprint("b", i)+big)
			}
			time.Sleep(4 * time.Second)
			for i := range test.recent {
				publish(t, h, "b", fmt.Sprint("b", test.old+i)+big)
			}
			s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a", "b"}, Since: time.Now().Add(-3 * time.Second)})
			got, last := all(t, s)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: %s", test.name, diff)
			}
			if last.Position() != h.Position() {
				t.Errorf("%s: position %v, want %v", test.name, last.Position(), h.Position())
			}
			last.Close()
		})
	}
	// Documents that fill a portion alone come after the reset, not instead of it, and
	// the reset does not come again.
	h, _ := runHub(t, hub.Options{})
	for i := range 30 {
		publish(t, h, "", fmt.Sprintf("%d %s", i, strings.Repeat("x", 1<<20-30)))
	}
	kept := h.Stats().Streams[0].HistoryLen
	want := []string{"reset"}
	for i := 30 - kept; i < 30; i++ {
		want = append(want, fmt.Sprint(i))
	}
	got, last := all(t, subscribe(t, h, hub.SubscribeOptions{Since: time.Now().Add(-time.Hour)}))
	defer last.Close()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Events that arrive while a replay continues in portions come after it.
func TestReplayContinuesWithNewEvents(t *testing.T) {
	h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "b")})
	big := " " + strings.Repeat("x", 700_000)
	before := h.Position()
	for i := range 3 {
		publish(t, h, "a", fmt.Sprint("a", i)+big)
	}
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"b", "a"}, LastEventID: before.LastEventID()})
	publish(t, h, "b", "b0"+big)
	publish(t, h, "a", "a3"+big)
	got, last := all(t, s)
	defer last.Close()
	if diff := cmp.Diff([]string{"a0", "a1", "a2", "b0", "a3"}, got); diff != "" {
		t.Error(diff)
	}
	if stats := h.Stats(); stats.Resumed != 1 || stats.Subscribed != 1 || stats.Slow != 0 || stats.Losses != 0 {
		t.Errorf("one client came back, and was never slow: %+v", stats)
	}
}

// A reload that removes more streams than the channel has room for notices ends a
// subscription before its owner has handled anything. It resumes where it was.
func TestManyStreamsRemovedAtOnce(t *testing.T) {
	names := []string{"stays"}
	for i := range 20 {
		names = append(names, fmt.Sprint("s", i))
	}
	h, _ := runHub(t, hub.Options{Streams: hub.Named(names...)})
	publish(t, h, "stays", "1")
	s := subscribe(t, h, hub.SubscribeOptions{Streams: names})
	defer func() { s.Close() }()
	demand, err := h.Demand("s9") // the last one that is removed
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SetStreams(hub.Named("stays")); err != nil {
		t.Fatal(err)
	}
	publish(t, h, "stays", "2")
	publish(t, h, "stays", "3")
	got := append(texts(s.Replay()), untilEnd(t, s)...)
	next, err := s.Resume()
	if err != nil {
		t.Fatal(err)
	}
	s = next
	got = append(got, texts(s.Replay())...)
	removed := 0
	for _, text := range got[1 : len(got)-2] {
		if strings.Contains(text, `"removed"`) {
			removed++
		}
	}
	if got[0] != "1" || removed != 20 || len(got) != 23 || got[21] != "2" || got[22] != "3" {
		t.Errorf("got %q", got)
	}
	if n := demand.Listeners(); n != 0 {
		t.Errorf("%d listeners of a stream that is gone", n)
	}
	if left := s.Streams(); len(left) != 1 || left[0] != "stays" {
		t.Errorf("streams %q", left)
	}
}

// A subscriber whose streams were all removed learns that, whenever it resumes.
func TestResumeWithNothingLeft(t *testing.T) {
	h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "b"), Buffer: 1})
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}})
	publish(t, h, "a", "1")
	publish(t, h, "a", "2") // which is beyond the buffer
	if err := h.SetStreams(hub.Named("b")); err != nil {
		t.Fatal(err)
	}
	next, err := s.Resume()
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(next.Replay()); len(got) != 1 || !strings.Contains(got[0], `"removed"`) {
		t.Errorf("got %q", got)
	}
	if _, open := <-next.Events(); open || !errors.Is(next.Err(), hub.ErrUnknownStream) {
		t.Errorf("goes on with nothing: %v", next.Err())
	}
	if n := h.Stats().Subscribers; n != 1 {
		t.Errorf("%d subscribers, want the one that has not been closed", n)
	}
	next.Close()
	if n := h.Stats().Subscribers; n != 0 {
		t.Errorf("%d subscribers", n)
	}
}

// A subscription that the hub has ended counts until it is closed.
func TestEndedSubscriptionsCount(t *testing.T) {
	h, _ := runHub(t, hub.Options{Buffer: 1})
	demand, err := h.Demand("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := h.Subscribe(ctx, hub.SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	<-demand.Changed() // the first subscriber has come
	if _, err := s.Resume(); !errors.Is(err, hub.ErrOpen) {
		t.Errorf("resume of one that goes on: %v", err)
	}
	expect := func(when string, want int) {
		t.Helper()
		stats := h.Stats()
		if stats.Subscribers != want || stats.Streams[0].Subscribers != want || demand.Listeners() != want {
			t.Errorf("%s: %d subscribers, %d of the stream, %d listeners, want %d", when, stats.Subscribers, stats.Streams[0].Subscribers, demand.Listeners(), want)
		}
	}
	for i := range 3 {
		publish(t, h, "", "1")
		publish(t, h, "", "2")
		awaitEnd(t, s)
		expect("ended as slow", 1)
		next, err := s.Resume()
		if err != nil {
			t.Fatal(err)
		}
		expect(fmt.Sprint("resumed ", i), 1)
		if _, err := s.Resume(); !errors.Is(err, hub.ErrClosed) {
			t.Errorf("resumed twice: %v", err)
		}
		s.Close()
		expect("the old one closed", 1)
		s = next
	}
	select {
	case <-demand.Changed():
		t.Error("the listener was gone for a moment")
	default:
	}
	cancel() // the context of its first Subscribe
	untilEnd(t, s)
	for deadline := time.Now().Add(patience); h.Stats().Subscribers > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // the end of the context counts in a goroutine of its own
	}
	expect("the context is over", 0)
	if _, err := s.Resume(); !errors.Is(err, hub.ErrClosed) {
		t.Errorf("resume of one that is closed: %v", err)
	}
}

// The end of the context also removes a subscription that the hub has ended from the
// counts.
func TestContextReleasesAnEndedSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := runHub(t, hub.Options{Buffer: 1})
		ctx, cancel := context.WithCancel(t.Context())
		s, err := h.Subscribe(ctx, hub.SubscribeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		publish(t, h, "", "1")
		publish(t, h, "", "2")
		synctest.Wait()
		if !errors.Is(s.Err(), hub.ErrSlow) || h.Stats().Subscribers != 1 {
			t.Errorf("%v, %+v", s.Err(), h.Stats())
		}
		cancel()
		synctest.Wait()
		if n := h.Stats().Subscribers; n != 0 {
			t.Errorf("%d subscribers", n)
		}
	})
}

// Of several IDs, the greatest position of this epoch counts. If there is none, the
// reason is that of the ID that is nearest to a position.
func TestSeveralLastEventIDs(t *testing.T) {
	h, _ := runHub(t, hub.Options{})
	var ids []string
	for i := range 4 {
		ids = append(ids, publish(t, h, "", fmt.Sprint(i)).String())
	}
	epoch := h.Stats().Epoch
	for text, want := range map[string][]string{
		ids[1] + "," + ids[2]:                       {"3"},
		ids[2] + ", " + ids[1]:                      {"3"},
		ids[2] + "," + ids[2]:                       {"3"},
		"x, ,other-99," + ids[1] + "\t," + ",":      {"2", "3"},
		ids[2] + "," + epoch + "-99":                {"3"},
		epoch + "-0," + epoch + "-00":               {"0", "1", "2", "3"},
		"x,other-1," + epoch + "-6," + epoch + "-5": {"ahead", "3"},
		"x,other-1,y":                               {"epoch", "3"},
		"x,y":                                       {"invalid", "3"},
		",":                                         {"invalid", "3"},
		" " + ids[2]:                                {"invalid", "3"}, // a single ID is not trimmed
	} {
		s := subscribe(t, h, hub.SubscribeOptions{LastEventID: hub.ParseLastEventID(text)})
		got := texts(s.Replay())
		for i, data := range got {
			got[i] = strings.TrimSuffix(strings.TrimPrefix(data, `{"reason": "`), `"}`)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
		s.Close()
	}
	if stats := h.Stats(); stats.Resumed != 6 || stats.Resets[hub.ReasonAhead] != 1 || stats.Resets[hub.ReasonEpoch] != 1 || stats.Resets[hub.ReasonInvalid] != 3 {
		t.Errorf("counted %+v", stats)
	}
}

// A gap in the sequence numbers is not a loss: the log says after which position a
// batch begins.
func TestHolesInTheLog(t *testing.T) {
	log := hubtest.NewScript("one")
	h, _ := runHub(t, hub.Options{Log: log, Streams: hub.Named("a", "b")})
	start := h.Position()
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}})
	defer s.Close()
	log.Hole(3)
	first := publish(t, h, "a", "1")
	log.Hole(7)
	publish(t, h, "a", "2")
	for _, want := range []string{"1", "2"} {
		if e := <-s.Events(); string(e.Data()) != want {
			t.Fatalf("got %v, want %s", e, want)
		}
	}
	if first.Seq() != 4 || h.Position().Seq() != 12 || h.Stats().Gaps != 0 {
		t.Errorf("first event %v, the hub is at %v, %d gaps", first, h.Position(), h.Stats().Gaps)
	}
	between, _ := hub.NewID("one", 2)
	for at, want := range map[hub.ID][]string{start: {"1", "2"}, between: {"1", "2"}, first: {"2"}} {
		back := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a", "b"}, LastEventID: at.LastEventID()})
		if diff := cmp.Diff(want, texts(back.Replay())); diff != "" {
			t.Errorf("back at %v: %s", at, diff)
		}
		back.Close()
	}
}

// A log that lost events reports that even without a later event.
func TestLostEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &tellingLog{batches: make(chan hub.Batch)}
		h, _ := runHub(t, hub.Options{Log: log})
		for _, test := range []struct {
			after  hub.ID
			reason string
		}{{id(t, "one", 5), "evicted"}, {id(t, "two", 0), "epoch"}, {id(t, "three", 9), "epoch"}} {
			s := subscribe(t, h, hub.SubscribeOptions{})
			before := s.Position()
			log.batches <- hub.Batch{After: test.after}
			synctest.Wait()
			if _, open := <-s.Events(); open || !errors.Is(s.Err(), hub.ErrGap) || h.Position() != test.after {
				t.Errorf("%v: ended with %v, the hub is at %v", test.after, s.Err(), h.Position())
			}
			next, err := s.Resume()
			if err != nil {
				t.Fatal(err)
			}
			back := subscribe(t, h, hub.SubscribeOptions{LastEventID: before.LastEventID()})
			for who, s := range map[string]*hub.Subscription{"goes on": next, "comes back": back} {
				if diff := cmp.Diff([]string{`{"reason": "` + test.reason + `"}`}, texts(s.Replay())); diff != "" || s.Position() != test.after {
					t.Errorf("who %s is at %v: %s", who, s.Position(), diff)
				}
				s.Close()
			}
		}
		if stats := h.Stats(); stats.Gaps != 3 || stats.Losses != 3 || stats.Resets[hub.ReasonEpoch] != 2 || stats.Resets[hub.ReasonEvicted] != 1 || stats.Resumed != 0 {
			t.Errorf("counted %+v", stats)
		}
	})
}

func id(t *testing.T, epoch string, seq uint64) hub.ID {
	t.Helper()
	id, err := hub.NewID(epoch, seq)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// tellingLog emits the batches of a test.
type tellingLog struct{ batches chan hub.Batch }

func (l *tellingLog) Append(context.Context, hub.Message) (hub.ID, error) {
	return hub.ID{}, hub.ErrLogClosed
}

func (l *tellingLog) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	begin, err := hub.NewID("one", 0)
	if err != nil {
		return err
	}
	if err := emit(hub.Batch{After: begin}); err != nil {
		return err
	}
	for {
		select {
		case batch := <-l.batches:
			if err := emit(batch); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

package hub_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
)

// keyed returns the options of a stream whose keys are the pattern's.
func keyed(t testing.TB, name, pattern string, keys hub.KeyOptions) hub.StreamOptions {
	t.Helper()
	var err error
	if keys.Match, err = hub.NewKeyPattern(pattern); err != nil {
		t.Fatal(err)
	}
	return hub.StreamOptions{Name: name, Keys: &keys}
}

// prices returns options for a hub with keys of one stream.
func prices(t testing.TB, keys hub.KeyOptions) hub.Options {
	return hub.Options{Streams: []hub.StreamOptions{keyed(t, "prices", "[A-Z]{1,5}", keys)}}
}

func on(names ...string) hub.SubscribeOptions { return hub.SubscribeOptions{Streams: names} }

// existing returns those of the keys of prices that exist.
func existing(h *hub.Hub, keys ...string) string {
	var list []string
	for _, key := range keys {
		if h.HasStream("prices/" + key) {
			list = append(list, key)
		}
	}
	return strings.Join(list, " ")
}

func statsOf(t *testing.T, h *hub.Hub, name string) hub.StreamStats {
	t.Helper()
	stats, err := h.StreamStats(name)
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

func TestKeyOptionsAreChecked(t *testing.T) {
	h := newHub(t, hub.Options{Streams: hub.Named("a")})
	for _, test := range []struct {
		keys hub.KeyOptions
		want string
	}{
		{hub.KeyOptions{}, `stream "prices" with keys has no pattern`},
		{hub.KeyOptions{Max: -1}, "Max of the keys"},
		{hub.KeyOptions{Idle: -time.Second}, `Idle of the keys of stream "prices" is -1s, want`},
		{hub.KeyOptions{IdleBytes: -1}, "IdleBytes of the keys"},
	} {
		err := h.SetStreams([]hub.StreamOptions{{Name: "prices", Keys: &test.keys}})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %s", test.keys, err, test.want)
		}
	}
	if !h.HasStream("a") || len(h.KeyStreams()) != 0 {
		t.Error("something has changed")
	}
}

func TestNamesOfKeys(t *testing.T) {
	options := prices(t, hub.KeyOptions{Max: 7})
	options.Streams = append(options.Streams, hub.Named("plain")...)
	h, _ := runHub(t, options)
	for name, want := range map[string]error{
		"plain": nil, "prices/BTC": nil,
		"prices": hub.ErrUnknownStream, "prices/": hub.ErrUnknownStream, "plain/BTC": hub.ErrUnknownStream, "nobody": hub.ErrUnknownStream,
		"prices/btc": hub.ErrUnknownKey, "prices/TOOLONG": hub.ErrUnknownKey, "prices/A/B": hub.ErrUnknownKey,
	} {
		if takes := h.Takes(name); takes != (want == nil) {
			t.Errorf("Takes(%q) = %v", name, takes)
		}
		_, latest := h.Latest(name)
		s, subscribed := h.Subscribe(t.Context(), on(name))
		touched := h.Touch(name)
		for _, err := range []error{latest, subscribed, touched} {
			if !errors.Is(err, want) || errors.Is(err, hub.ErrUnknownKey) != errors.Is(want, hub.ErrUnknownKey) {
				t.Errorf("%q: %v, want %v", name, err, want)
			}
		}
		if s != nil {
			s.Close()
		}
	}
	if !errors.Is(hub.ErrUnknownKey, hub.ErrUnknownStream) {
		t.Error("a key that does not match is no unknown stream")
	}
	if diff := cmp.Diff([]hub.KeyStream{{Name: "prices", Pattern: "[A-Z]{1,5}", Max: 7}}, h.KeyStreams()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"plain"}, h.StreamNames()); diff != "" {
		t.Error(diff)
	}
	if _, err := h.Demand("prices/BTC"); !errors.Is(err, hub.ErrUnknownStream) {
		t.Errorf("demand for a key: %v", err)
	}
	if _, err := h.StreamStats("prices/NEVER"); !errors.Is(err, hub.ErrUnknownStream) {
		t.Errorf("figures of a key that does not exist: %v", err)
	}
}

// A key exists from its first listener until nobody has listened for the time of its
// stream.
func TestLifeOfAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := runHub(t, prices(t, hub.KeyOptions{Idle: time.Minute}))
		exists := func(want bool, when string) {
			t.Helper()
			synctest.Wait()
			if got := h.HasStream("prices/BTC"); got != want {
				t.Fatalf("%s: the key exists is %v, want %v", when, got, want)
			}
		}
		if e, err := h.Latest("prices/BTC"); e != nil || err != nil {
			t.Errorf("the newest of a key that does not exist: %v, %v", e, err)
		}
		exists(false, "before anybody came")
		one := subscribe(t, h, on("prices/BTC"))
		if at := one.Position(); len(one.Replay()) != 0 || at != h.Position() {
			t.Errorf("a new key begins at %v, want %v without a document", at, h.Position())
		}
		two := subscribe(t, h, on("prices/BTC"))
		at := publish(t, h, "prices/BTC", "1")
		for _, s := range []*hub.Subscription{one, two} {
			if e := <-s.Events(); e.ID() != at || e.Stream() != "prices/BTC" {
				t.Errorf("got %v of %s", e.ID(), e.Stream())
			}
		}
		one.Close()
		time.Sleep(time.Hour)
		exists(true, "while somebody listens")
		two.Close()
		time.Sleep(time.Minute - 1)
		exists(true, "just before its time has come")
		three := subscribe(t, h, on("prices/BTC")) // has the document at once
		if diff := cmp.Diff([]string{"1"}, texts(three.Replay())); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Minute)
		exists(true, "after somebody has come back")
		three.Close()
		time.Sleep(time.Minute - 1)
		exists(true, "just before its time has come again")
		time.Sleep(time.Nanosecond)
		exists(false, "when its time has come")
		if stats := statsOf(t, h, "prices"); stats.Keys != 0 || stats.EndedIdle != 1 || stats.EndedRoom != 0 || stats.HistoryLen != 0 || stats.Events != 1 {
			t.Errorf("got %+v", stats)
		}
		if bytes := h.Stats().HistoryBytes; bytes != 0 {
			t.Errorf("%d bytes are kept", bytes)
		}
		if _, err := h.Publish(t.Context(), hub.Message{Stream: "prices/BTC", Data: []byte("2")}); !errors.Is(err, hub.ErrUnknownStream) {
			t.Errorf("a document for a key that has ended: %v", err)
		}

		// The history of a key ends with it. A client that resumes is told so, but only
		// if there was a document behind its position.
		after := func(id hub.ID) *hub.Subscription {
			return subscribe(t, h, hub.SubscribeOptions{Streams: []string{"prices/BTC"}, LastEventID: hub.ParseLastEventID(id.String())})
		}
		early, err := hub.NewID(at.Epoch(), at.Seq()-1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{`{"reason": "evicted"}`}, texts(after(early).Replay())); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{}, texts(after(at).Replay())); diff != "" {
			t.Error(diff)
		}
	})
}

// Beyond the bound the key ends that nobody has listened to for longest, one without a
// document first.
func TestKeysHaveABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := runHub(t, prices(t, hub.KeyOptions{Max: 3}))
		var subscriptions []*hub.Subscription
		for _, key := range []string{"A", "B", "C"} {
			subscriptions = append(subscriptions, subscribe(t, h, on("prices/"+key)))
		}
		_, err := h.Subscribe(t.Context(), on("prices/D"))
		if !errors.Is(err, hub.ErrTooManyKeys) {
			t.Errorf("a key beyond the bound: %v", err)
		}
		// Of several names none is entered if one is refused.
		_, err = h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"prices/A", "prices/D"}, SkipUnknown: true})
		if !errors.Is(err, hub.ErrTooManyKeys) || statsOf(t, h, "prices/A").Subscribers != 1 {
			t.Errorf("a key beyond the bound: %v, %+v", err, statsOf(t, h, "prices/A"))
		}
		if err := h.Touch("prices/D"); !errors.Is(err, hub.ErrTooManyKeys) {
			t.Errorf("touched beyond the bound: %v", err)
		}
		publish(t, h, "prices/A", "1")
		for _, s := range subscriptions {
			s.Close()
			time.Sleep(time.Nanosecond)
		}
		for _, test := range []struct{ touch, want string }{
			{"D", "A C D"}, // B was idle for longest of those without a document
			{"E", "A D E"},
			{"D", "A D E"},
			{"F", "A D F"}, // D is young
			{"G", "A F G"},
		} {
			if err := h.Touch("prices/" + test.touch); err != nil {
				t.Fatal(err)
			}
			if got := existing(h, "A", "B", "C", "D", "E", "F", "G"); got != test.want {
				t.Errorf("after %s there are %s, want %s", test.touch, got, test.want)
			}
		}
		for _, key := range []string{"F", "G"} {
			defer subscribe(t, h, on("prices/"+key)).Close()
		}
		if err := h.Touch("prices/H"); err != nil || existing(h, "A", "F", "G", "H") != "F G H" {
			t.Errorf("no other is idle: %v, %s", err, existing(h, "A", "F", "G", "H"))
		}
		if stats := statsOf(t, h, "prices"); stats.EndedRoom != 5 || stats.EndedIdle != 0 || stats.Keys != 3 || stats.Watched != 2 {
			t.Errorf("got %+v", stats)
		}
	})
}

func TestIdleKeysHaveABoundInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := runHub(t, prices(t, hub.KeyOptions{IdleBytes: 8 << 10, Pushed: true}))
		there := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := existing(h, "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"); got != want {
				t.Errorf("there are %s, want %s", got, want)
			}
		}
		large := strings.Repeat("1", 2000)
		publish(t, h, "prices/A", large) // 1 kB and some 2.5 kB
		publish(t, h, "prices/B", large)
		there("A B")
		listening := subscribe(t, h, on("prices/C"))
		publish(t, h, "prices/C", large) // is not idle
		there("A B C")
		listening.Close()
		there("B C")
		for _, key := range []string{"D", "E", "F"} {
			subscribe(t, h, on("prices/"+key)).Close() // have no document, but take 1 kB each
			synctest.Wait()
		}
		there("B C F")
		publish(t, h, "prices/C", strings.Repeat("1", 6000)) // alone too large
		there("")
		if stats := h.Stats(); stats.HistoryBytes != 0 || stats.Streams[0].EndedRoom != 6 {
			t.Errorf("got %+v", stats)
		}
	})
}

// A key that is published to exists until nobody has listened, or published, for the
// time of its stream.
func TestPushedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := runHub(t, prices(t, hub.KeyOptions{Idle: time.Hour, Pushed: true, Max: 2}))
		if err := h.Touch("prices/A"); err != nil || h.HasStream("prices/A") {
			t.Errorf("touched: %v, exists %v", err, h.HasStream("prices/A"))
		}
		publish(t, h, "prices/A", "1")
		time.Sleep(time.Hour - 1)
		at := publish(t, h, "prices/A", "2")
		time.Sleep(time.Hour - 1)
		s := subscribe(t, h, on("prices/A"))
		if diff := cmp.Diff([]string{"2"}, texts(s.Replay())); diff != "" {
			t.Error(diff)
		}
		if e, err := h.Latest("prices/A"); err != nil || e.ID() != at {
			t.Errorf("the newest is %v, %v", e, err)
		}
		for name, want := range map[string]error{"prices/a": hub.ErrUnknownKey, "prices": hub.ErrUnknownStream} {
			if _, err := h.Publish(t.Context(), hub.Message{Stream: name, Data: []byte("1")}); !errors.Is(err, want) {
				t.Errorf("published to %q: %v, want %v", name, err, want)
			}
		}
		defer subscribe(t, h, on("prices/B")).Close()
		if _, err := h.Publish(t.Context(), hub.Message{Stream: "prices/C", Data: []byte("1")}); !errors.Is(err, hub.ErrTooManyKeys) {
			t.Errorf("published beyond the bound: %v", err)
		}
		s.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
		if h.HasStream("prices/A") || !h.HasStream("prices/B") {
			t.Error("the wrong key has ended")
		}
	})
}

// A log that is read again brings back what was published, and what was polled. But keys
// that are polled are not told to the poller before somebody asks for them.
func TestKeysOfALogThatIsReadAgain(t *testing.T) {
	for _, pushed := range []bool{true, false} {
		log := hub.NewMemoryLog()
		var ids []hub.ID
		for i, stream := range []string{"prices/A", "prices/a", "prices/A", "prices/B", "prices/C"} {
			id, err := log.Append(t.Context(), hub.Message{Stream: stream, Data: fmt.Append(nil, i)})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		options := prices(t, hub.KeyOptions{Pushed: pushed})
		options.Log = log
		h, _ := runHub(t, options)
		if got := existing(h, "A", "a", "B", "C"); got != "A B C" {
			t.Errorf("pushed %v: there are %q", pushed, got)
		}
		demand, err := h.Keys("prices")
		if err != nil {
			t.Fatal(err)
		}
		told := func() (names []string) {
			for _, change := range demand.Changes(nil) {
				names = append(names, change.Name)
			}
			slices.Sort(names)
			return names
		}
		want := map[bool][]string{true: {"prices/A", "prices/B", "prices/C"}}[pushed]
		if diff := cmp.Diff(want, told()); diff != "" {
			t.Errorf("pushed %v: told %s", pushed, diff)
		}
		s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"prices/A"}, LastEventID: hub.ParseLastEventID(ids[0].String())})
		if diff := cmp.Diff([]string{"2"}, texts(s.Replay())); diff != "" {
			t.Errorf("pushed %v: %s", pushed, diff)
		}
		if err := h.Touch("prices/B"); err != nil {
			t.Fatal(err)
		}
		want = map[bool][]string{true: {"prices/A"}, false: {"prices/A", "prices/B"}}[pushed]
		if diff := cmp.Diff(want, told()); diff != "" {
			t.Errorf("pushed %v: told then %s", pushed, diff)
		}
	}
}

func TestKeyDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		options := prices(t, hub.KeyOptions{Idle: time.Minute})
		options.Streams = append(options.Streams, hub.Named("plain")...)
		h, _ := runHub(t, options)
		for _, name := range []string{"plain", "nobody", "prices/A", ""} {
			if _, err := h.Keys(name); !errors.Is(err, hub.ErrUnknownStream) {
				t.Errorf("keys of %q: %v", name, err)
			}
		}
		if err := h.Touch("prices/OLD"); err != nil {
			t.Fatal(err)
		}
		demand, err := h.Keys("prices")
		if err != nil {
			t.Fatal(err)
		}
		changes := func(want ...hub.KeyChange) {
			t.Helper()
			synctest.Wait()
			select {
			case <-demand.Changed():
			default:
				if len(want) > 0 {
					t.Error("the channel tells nothing")
				}
			}
			got := demand.Changes(nil)
			slices.SortStableFunc(got, func(a, b hub.KeyChange) int { return strings.Compare(a.Name, b.Name) })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		changes(hub.KeyChange{Name: "prices/OLD", Exists: true})
		changes()
		select {
		case <-demand.Changed():
			t.Error("the channel tells a change that there is not")
		default:
		}

		one := subscribe(t, h, on("prices/A", "prices/B", "plain"))
		two := subscribe(t, h, on("prices/A"))
		changes(hub.KeyChange{"prices/A", true, 2}, hub.KeyChange{"prices/B", true, 1})
		two.Close() // is not the last one
		changes()
		one.Close()
		one = subscribe(t, h, on("prices/A"))
		changes(hub.KeyChange{"prices/A", true, 1}, hub.KeyChange{"prices/B", true, 0})
		publish(t, h, "prices/A", "1")
		if e := demand.Newest("prices/A"); e == nil || string(e.Data()) != "1" {
			t.Errorf("the newest is %v", e)
		}
		if e := demand.Newest("prices/NEVER"); e != nil {
			t.Errorf("the newest is %v", e)
		}

		time.Sleep(time.Minute)
		synctest.Wait()
		subscribe(t, h, on("prices/B")).Close()
		changes(hub.KeyChange{"prices/B", false, 0}, hub.KeyChange{"prices/B", true, 0}, hub.KeyChange{"prices/OLD", false, 0})
		// A key of which nothing was told leaves nothing to be told.
		for range 3 {
			subscribe(t, h, on("prices/NEW")).Close()
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		changes(hub.KeyChange{"prices/B", false, 0})

		gone := subscribe(t, h, on("prices/GONE"))
		changes(hub.KeyChange{"prices/GONE", true, 1})
		gone.Close()
		time.Sleep(time.Minute)
		subscribe(t, h, on("prices/B", "prices/C")).Close()
		synctest.Wait() // the end of one key and the beginning of two have not been told
		earlier := demand
		if demand, err = h.Keys("prices"); err != nil {
			t.Fatal(err)
		}
		if got := earlier.Changes(nil); len(got) != 0 {
			t.Errorf("the earlier demand tells %v", got)
		}
		changes(hub.KeyChange{"prices/A", true, 1}, hub.KeyChange{"prices/B", true, 0}, hub.KeyChange{"prices/C", true, 0})
		one.Close()
		changes(hub.KeyChange{"prices/A", true, 0})
	})
}

// Many changes are told, and many keys end, a part at a time.
func TestManyKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 1000
		h, _ := runHub(t, hub.Options{Streams: []hub.StreamOptions{keyed(t, "k", "[0-9]+", hub.KeyOptions{})}})
		demand, err := h.Keys("k")
		if err != nil {
			t.Fatal(err)
		}
		count := func() (there, listeners int) {
			for _, change := range demand.Changes(nil) {
				listeners += change.Listeners
				if change.Exists {
					there++
				} else {
					there--
				}
			}
			return there, listeners
		}
		var subscriptions []*hub.Subscription
		for i := range many {
			subscriptions = append(subscriptions, subscribe(t, h, on(fmt.Sprint("k/", i))))
		}
		if there, listeners := count(); there != many || listeners != many {
			t.Errorf("%d keys with %d listeners are told", there, listeners)
		}
		for _, s := range subscriptions {
			s.Close()
		}
		time.Sleep(hub.DefaultKeyIdle)
		synctest.Wait()
		if there, _ := count(); there != -many || statsOf(t, h, "k").EndedIdle != many {
			t.Errorf("%d keys have come, %+v", there, statsOf(t, h, "k"))
		}
	})
}

func TestSetStreamsWithKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := runHub(t, hub.Options{Streams: []hub.StreamOptions{
			keyed(t, "k", "[a-z]+", hub.KeyOptions{}), keyed(t, "other", "[a-z]+", hub.KeyOptions{}), {Name: "plain"},
		}})
		set := func(streams ...hub.StreamOptions) {
			t.Helper()
			if err := h.SetStreams(streams); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		all := subscribe(t, h, on("k/long", "k/s", "other/a", "plain"))
		short := subscribe(t, h, on("k/s"))
		demand, err := h.Keys("k")
		if err != nil {
			t.Fatal(err)
		}
		demand.Changes(nil)
		for i := range 5 {
			publish(t, h, "k/s", fmt.Sprint(i))
			<-all.Events()
			<-short.Events()
		}

		// New bounds disturb nobody.
		k := keyed(t, "k", "[a-z]+", hub.KeyOptions{Max: 2})
		k.History = 2
		set(k, keyed(t, "other", "[a-z]+", hub.KeyOptions{}), hub.StreamOptions{Name: "plain"})
		if n := statsOf(t, h, "k/s").HistoryLen; n != 2 || statsOf(t, h, "k").HistoryLen != 2 {
			t.Errorf("%d events are kept, %+v", n, statsOf(t, h, "k"))
		}
		if _, err := h.Subscribe(t.Context(), on("k/new")); !errors.Is(err, hub.ErrTooManyKeys) {
			t.Errorf("beyond the new bound: %v", err)
		}
		if len(all.Events()) != 0 || all.Err() != nil || len(demand.Changes(nil)) != 0 {
			t.Error("somebody was disturbed")
		}

		// A pattern that keys do not match any more removes them, and so does the end of
		// their stream.
		set(keyed(t, "k", "[a-z]{2,}", hub.KeyOptions{}), hub.StreamOptions{Name: "plain"})
		removed := func(s *hub.Subscription, names ...string) {
			t.Helper()
			for _, name := range names {
				e := <-s.Events()
				if want := `{"stream":"` + name + `","state":"down"`; !strings.HasPrefix(string(e.Data()), want) || !strings.Contains(string(e.Data()), `"removed"`) {
					t.Errorf("got %s, want %s", e.Data(), want)
				}
			}
		}
		removed(all, "k/s", "other/a")
		if diff := cmp.Diff([]string{"k/long", "plain"}, all.Streams()); diff != "" {
			t.Error(diff)
		}
		removed(short, "k/s")
		if _, open := <-short.Events(); open || !errors.Is(short.Err(), hub.ErrUnknownStream) {
			t.Errorf("goes on without a stream, %v", short.Err())
		}
		short.Close()
		if diff := cmp.Diff([]hub.KeyChange{{Name: "k/s"}}, demand.Changes(nil)); diff != "" {
			t.Error(diff)
		}
		if stats := statsOf(t, h, "k"); stats.Keys != 1 || stats.Watched != 1 || stats.Subscribers != 1 || stats.HistoryLen != 0 || stats.HistoryBytes != 0 {
			t.Errorf("got %+v", stats)
		}

		// A stream that turns plain, or gets keys, is another stream.
		set(hub.StreamOptions{Name: "k"}, keyed(t, "plain", "[a-z]+", hub.KeyOptions{}))
		removed(all, "k/long", "plain")
		if _, open := <-all.Events(); open || !errors.Is(all.Err(), hub.ErrUnknownStream) {
			t.Errorf("goes on without a stream, %v", all.Err())
		}
		all.Close()
		if h.HasStream("k/long") || !h.HasStream("k") || h.HasStream("plain") || !h.Takes("plain/x") || h.Takes("k/x") {
			t.Errorf("the streams are %v and %v", h.StreamNames(), h.KeyStreams())
		}
		if stats := h.Stats(); stats.Subscribers != 0 || stats.HistoryBytes != 0 {
			t.Errorf("got %+v", stats)
		}
	})
}

// A subscription that was slow meanwhile goes on with keys that were removed and are there
// again, unless there is no room for one of them.
func TestResumeWithKeysThatAreThereAgain(t *testing.T) {
	options := hub.Options{Buffer: 1, Streams: []hub.StreamOptions{keyed(t, "k", "[a-z]", hub.KeyOptions{Max: 2}), {Name: "plain"}}}
	h, _ := runHub(t, options)
	slow := subscribe(t, h, on("plain", "k/a", "k/b"))
	for range 2 {
		publish(t, h, "plain", "1")
	}
	for _, streams := range [][]hub.StreamOptions{hub.Named("plain"), options.Streams} {
		if err := h.SetStreams(streams); err != nil {
			t.Fatal(err)
		}
	}
	other := subscribe(t, h, on("k/c"))
	<-slow.Events()
	if _, err := slow.Resume(); !errors.Is(err, hub.ErrTooManyKeys) {
		t.Errorf("resumed without room: %v", err)
	}
	if stats := statsOf(t, h, "k"); stats.Keys != 2 || stats.Watched != 1 {
		t.Errorf("after resuming has failed: %+v", stats)
	}
	other.Close()
	next, err := slow.Resume()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"plain", "k/a", "k/b"}, next.Streams()); diff != "" {
		t.Error(diff)
	}
	if n := statsOf(t, h, "k/a").Subscribers; n != 1 || h.Stats().Subscribers != 1 {
		t.Errorf("%d subscribers of the key, %d in all", n, h.Stats().Subscribers)
	}
	next.Close()
	if stats := h.Stats(); stats.Subscribers != 0 || stats.Streams[0].Subscribers != 0 || stats.Streams[0].Watched != 0 {
		t.Errorf("got %+v", stats)
	}
}

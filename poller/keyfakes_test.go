package poller_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// keyMessage is one message about a key, as keyHub saw it.
type keyMessage struct {
	At    time.Duration
	Key   string
	Data  string
	State hub.State
	Class string
}

// keyHub is a hub with one stream with keys, "prices".
type keyHub struct {
	refuse func(m hub.Message) error // nil: nothing is refused
	start  time.Time

	mu       sync.Mutex
	pause    time.Duration // how long the next call of Changes takes
	keys     map[string]*keyOfHub
	demand   *keyDemand
	messages []keyMessage
	calls    int // of PublishAll
	largest  int // number of messages of one
	seq      uint64
}

type keyOfHub struct {
	listeners int
	told      bool // that it exists
	newest    *hub.Event
}

func newKeyHub() *keyHub { return &keyHub{keys: make(map[string]*keyOfHub), start: time.Now()} }

func (h *keyHub) Demand(string) (hub.Demand, error) { return nil, hub.ErrUnknownStream }

func (h *keyHub) Publish(context.Context, hub.Message) (hub.ID, error) {
	return hub.ID{}, errors.New("a message of its own")
}

func (h *keyHub) PublishAll(_ context.Context, list []hub.Message) ([]hub.ID, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	h.largest = max(h.largest, len(list))
	ids := make([]hub.ID, len(list))
	var errs []error
	for i, m := range list {
		k := h.keys[m.Stream]
		err := m.Check()
		switch {
		case err != nil:
		case k == nil:
			err = fmt.Errorf("%w %q", hub.ErrUnknownStream, m.Stream)
		case h.refuse != nil:
			err = h.refuse(m)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		h.seq++
		ids[i], _ = hub.NewID("e", h.seq)
		_, key := hub.SplitName(m.Stream)
		noted := keyMessage{At: time.Since(h.start), Key: key, Data: string(m.Data)}
		if m.Status != nil {
			noted.State, noted.Class = m.Status.State, m.Status.Error
		} else {
			k.newest, _ = hub.NewEvent(ids[i], time.Now(), m)
		}
		h.messages = append(h.messages, noted)
	}
	return ids, errors.Join(errs...)
}

func (h *keyHub) Keys(stream string) (hub.KeyDemand, error) {
	if stream != "prices" {
		return nil, hub.ErrUnknownStream
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.demand = &keyDemand{hub: h, changed: make(chan struct{}, 1)}
	for _, name := range slices.Sorted(maps.Keys(h.keys)) {
		h.demand.change(hub.KeyChange{Name: name, Exists: true, Listeners: h.keys[name].listeners})
	}
	return h.demand, nil
}

// listen sets how many clients listen to keys, which come if they are not there.
func (h *keyHub) listen(listeners int, keys ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range keys {
		name := "prices/" + key
		if h.keys[name] == nil {
			h.keys[name] = &keyOfHub{}
		}
		k := h.keys[name]
		known := k.told && (k.listeners > 0) == (listeners > 0)
		k.listeners, k.told = listeners, true
		if !known {
			h.change(hub.KeyChange{Name: name, Exists: true, Listeners: listeners})
		}
	}
}

// end has keys end.
func (h *keyHub) end(keys ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range keys {
		delete(h.keys, "prices/"+key)
		h.change(hub.KeyChange{Name: "prices/" + key})
	}
}

func (h *keyHub) change(change hub.KeyChange) {
	if h.demand != nil {
		h.demand.change(change)
	}
}

// of returns the messages about a key.
func (h *keyHub) of(key string) []keyMessage {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []keyMessage
	for _, m := range h.messages {
		if m.Key == key {
			list = append(list, m)
		}
	}
	return list
}

// keyDemand is guarded by the lock of its hub.
type keyDemand struct {
	hub     *keyHub
	changed chan struct{}
	list    []hub.KeyChange
}

func (d *keyDemand) change(change hub.KeyChange) {
	d.list = append(d.list, change)
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *keyDemand) Changed() <-chan struct{} { return d.changed }

func (d *keyDemand) Changes(list []hub.KeyChange) []hub.KeyChange {
	d.hub.mu.Lock()
	pause := d.hub.pause
	d.hub.pause = 0
	d.hub.mu.Unlock()
	time.Sleep(pause)
	d.hub.mu.Lock()
	defer d.hub.mu.Unlock()
	list = append(list, d.list...)
	d.list = nil
	return list
}

func (d *keyDemand) Newest(name string) *hub.Event {
	d.hub.mu.Lock()
	defer d.hub.mu.Unlock()
	if k := d.hub.keys[name]; k != nil {
		return k.newest
	}
	return nil
}

func (d *keyDemand) Listeners(name string) int {
	d.hub.mu.Lock()
	defer d.hub.mu.Unlock()
	if k := d.hub.keys[name]; k != nil {
		return k.listeners
	}
	return 0
}

// keyCall is one request as the fake source saw it.
type keyCall struct {
	at    time.Duration
	keys  []string
	since poller.Version
}

// keySource answers by a function, and notes what it was asked.
type keySource struct {
	answer func(ctx context.Context, c keyCall) (poller.Reading, error)
	start  time.Time

	mu      sync.Mutex
	calls   []keyCall
	flying  map[string]bool // keys in flight
	flights int
	most    int    // flights at a time
	twice   string // a key that was in flight twice at once
	closed  int
}

func newKeySource(answer func(ctx context.Context, c keyCall) (poller.Reading, error)) *keySource {
	return &keySource{answer: answer, start: time.Now(), flying: make(map[string]bool)}
}

func (s *keySource) FetchKeys(ctx context.Context, keys []string, since poller.Version) (poller.Reading, error) {
	c := keyCall{time.Since(s.start), slices.Clone(keys), since}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	s.flights++
	s.most = max(s.most, s.flights)
	for _, key := range keys {
		if s.flying[key] {
			s.twice = key
		}
		s.flying[key] = true
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.flights--
		for _, key := range keys {
			delete(s.flying, key)
		}
	}()
	return s.answer(ctx, c)
}

func (s *keySource) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	if s.flights > 0 {
		s.twice = "closed during a request"
	}
	return nil
}

// asked returns when a key was asked for.
func (s *keySource) asked(key string) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var times []time.Duration
	for _, c := range s.calls {
		if slices.Contains(c.keys, key) {
			times = append(times, c.at)
		}
	}
	return times
}

// between returns the requests that began from one time on until before another one.
func (s *keySource) between(from, to time.Duration) []keyCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []keyCall
	for _, c := range s.calls {
		if c.at >= from && c.at < to {
			list = append(list, c)
		}
	}
	return list
}

// each returns one document for each key, {"key":document,…}, for splitEach.
func each(keys []string, document func(key string) string) poller.Reading {
	parts := make([]string, len(keys))
	for i, key := range keys {
		parts[i] = fmt.Sprintf("%q:%s", key, document(key))
	}
	return reading("{" + strings.Join(parts, ",") + "}")
}

// splitEach is the Split for the documents of each.
func splitEach(_ context.Context, document []byte) ([]poller.Part, error) {
	var parts []poller.Part
	for pair := range strings.SplitSeq(strings.Trim(string(document), "{}"), ",") {
		if key, value, found := strings.Cut(pair, ":"); found {
			parts = append(parts, poller.Part{Key: strings.Trim(key, `"`), Document: []byte(value)})
		}
	}
	return parts, nil
}

// keyed is the stream "prices" with keys that a source is asked for.
func keyed(s *keySource, batch int) poller.Stream {
	keys := &poller.Keys{Source: s, Batch: batch}
	if batch > 1 {
		keys.Split = splitEach
	}
	return poller.Stream{Name: "prices", Every: every, Keys: keys}
}

// keyNames returns the keys 0 to n-1.
func keyNames(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint("k", i)
	}
	return list
}

// startKeys runs a poller with the stream until the test ends or stop is called. It
// fails the test if any key was ever asked for twice at once.
func startKeys(t *testing.T, h *keyHub, stream poller.Stream, options ...func(*poller.Options)) (polling *poller.Poller, stop func()) {
	t.Helper()
	source, ok := stream.Keys.Source.(*keySource)
	if !ok {
		t.Fatal("another source")
	}
	t.Cleanup(func() {
		if source.twice != "" {
			t.Errorf("twice at once: %s", source.twice)
		}
	})
	return start(t, newPublisher(), nil, append([]func(*poller.Options){func(o *poller.Options) {
		o.Publisher, o.Streams = h, []poller.Stream{stream}
	}}, options...)...)
}

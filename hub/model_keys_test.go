package hub

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// The model of keys says which keys exist, and which of those without listeners ends
// next. It sorts them where the hub has lists.

var (
	keyNames = []string{"k/1", "k/2", "k/3"}
	allNames = slices.Concat(modelNames, keyNames)
)

// modelIdle is how long a key stays that nobody listens to, in ticks.
const modelIdle = 2

// modelKeys is the stream with keys, "k".
type modelKeys struct {
	options StreamOptions
	lost    uint64 // documents of ended keys may be missing up to this sequence number
	turn    int    // counts how often a key was made young

	endedIdle, endedRoom, skipped uint64

	demand KeyDemand
	told   map[string]toldKey // the keys that the owner of the demand knows
}

// modelKey is the part of a stream that is a key.
type modelKey struct {
	listeners int
	keys      *modelKeys // nil for a plain stream
	turn      int        // when the key was made young
	tick      int        // the time at that moment
}

type toldKey struct {
	stream   *modelStream
	listened bool
}

var drawKeys = rapid.Custom(func(t *rapid.T) StreamOptions {
	pattern, err := NewKeyPattern(rapid.SampledFrom([]string{"[123]", "[123]", "[12]"}).Draw(t, "pattern"))
	if err != nil {
		t.Fatal(err)
	}
	return StreamOptions{Name: "k", Keys: &KeyOptions{
		Match:     pattern,
		Max:       rapid.SampledFrom([]int{1, 2, 3}).Draw(t, "max"),
		Idle:      modelIdle * time.Hour,
		IdleBytes: rapid.SampledFrom([]int{1, keyOverhead, 4000, 1 << 20}).Draw(t, "idle bytes"),
		Pushed:    rapid.Bool().Draw(t, "pushed"),
	}}
})

func isKey(name string) bool { return strings.HasPrefix(name, "k/") }

// takes reports whether the name is that of a key that can exist.
func (m *model) takes(name string) bool {
	return isKey(name) && m.keys != nil && m.keys.options.Keys.Match.Match(strings.TrimPrefix(name, "k/"))
}

// existing returns the names of all keys that exist, and of those that nobody listens
// to, in the order in which they end.
func (m *model) existing() (all, idle []string) {
	for name, s := range m.streams {
		if isKey(name) {
			if all = append(all, name); s.listeners == 0 {
				idle = append(idle, name)
			}
		}
	}
	slices.SortFunc(idle, func(a, b string) int {
		one, other := m.streams[a], m.streams[b]
		return cmp.Or(cmp.Compare(min(len(one.kept), 1), min(len(other.kept), 1)), cmp.Compare(one.turn, other.turn))
	})
	return all, idle
}

// makeYoung gives a key all its time again.
func (k *modelKeys) makeYoung(s *modelStream, tick int) {
	k.turn++
	s.turn, s.tick = k.turn, tick
}

// come makes a key exist, without a listener.
func (m *model) come(name string) (*modelStream, error) {
	if !m.takes(name) {
		return nil, ErrUnknownStream
	}
	if all, idle := m.existing(); len(all) >= m.keys.options.Keys.Max {
		if len(idle) == 0 {
			return nil, ErrTooManyKeys
		}
		m.end(idle[0])
		m.keys.endedRoom++
	}
	s := &modelStream{history: m.keys.options.History, rules: m.keys.options, evicted: m.keys.lost}
	s.keys = m.keys
	m.streams[name] = s
	m.keys.makeYoung(s, m.tick)
	return s, nil
}

// end ends a key.
func (m *model) end(name string) {
	m.lose(m.streams[name])
	delete(m.streams, name)
}

// lose notes that the documents of a key are gone.
func (m *model) lose(s *modelStream) {
	if e, ok := s.newest(); ok {
		m.keys.lost = max(m.keys.lost, e.seq)
	}
}

// published returns the stream that a document makes exist, or nil.
func (m *model) published(e modelEvent) *modelStream {
	if !m.takes(e.stream) {
		return nil
	}
	if m.keys.options.Keys.Pushed {
		if s, err := m.come(e.stream); err == nil {
			return s
		}
	}
	m.keys.lost = max(m.keys.lost, e.seq)
	return nil
}

// documented notes that a stream gets a document.
func (m *model) documented(s *modelStream) {
	if s.keys != nil && s.listeners == 0 && (len(s.kept) == 0 || m.keys.options.Keys.Pushed) {
		m.keys.makeYoung(s, m.tick)
	}
}

// forgetKeys prepares a new epoch: the keys with documents will have none.
func (m *model) forgetKeys() {
	if m.keys == nil {
		return
	}
	m.keys.lost = 0
	_, idle := m.existing()
	for _, name := range idle {
		if s := m.streams[name]; len(s.kept) > 0 {
			m.keys.makeYoung(s, m.tick)
		}
	}
}

// enterAll counts a client on these streams. After an error it counts on none, but the
// keys exist.
func (m *model) enterAll(names, hidden []string, skipUnknown bool) (entered int, err error) {
	var streams []*modelStream
	for _, name := range names {
		s := m.streams[name]
		if slices.Contains(hidden, name) {
			s, err = nil, ErrUnknownStream
		} else if s == nil {
			s, err = m.come(name)
		}
		switch {
		case s != nil:
		case skipUnknown && errors.Is(err, ErrUnknownStream):
			continue
		default:
			for _, s := range streams {
				m.leaveStream(s)
			}
			return 0, err
		}
		s.listeners++
		streams = append(streams, s)
	}
	return len(streams), nil
}

// lost returns the names of those streams of a client that were removed.
func (m *model) lost(c *modelClient) (names []string) {
	for _, name := range c.names {
		if c.streams[name] != m.streams[name] {
			names = append(names, name)
		}
	}
	return names
}

func (m *model) leaveAll(c *modelClient) {
	for _, name := range c.names {
		m.leaveStream(c.streams[name])
	}
}

func (m *model) leaveStream(s *modelStream) {
	if s.listeners--; s.listeners == 0 && s.keys != nil {
		s.keys.makeYoung(s, m.tick) // without effect if the key was removed
	}
}

// setKeys sets the stream with keys, and takes over its old keys.
func (m *model) setKeys(t *rapid.T, wanted []StreamOptions, old map[string]*modelStream) {
	at := slices.IndexFunc(wanted, func(one StreamOptions) bool { return one.Keys != nil })
	if at < 0 {
		m.keys = nil
		return
	}
	if m.keys == nil {
		demand, err := m.hub.Keys("k")
		if err != nil {
			t.Fatal(err)
		}
		m.keys = &modelKeys{lost: m.seq, demand: demand, told: make(map[string]toldKey)}
	} else if before, now := m.keys.options.Keys, wanted[at].Keys; before.Match.String() != now.Match.String() || before.Pushed != now.Pushed {
		m.keys.lost = max(m.keys.lost, m.seq)
	}
	m.keys.options = wanted[at]
	for name, s := range old {
		switch {
		case m.takes(name):
			s.history, s.rules = wanted[at].History, wanted[at]
			m.streams[name] = s
		case isKey(name):
			m.lose(s)
		}
	}
}

// passTime lets half of the time pass for which an idle key stays.
func (m *model) passTime(t *rapid.T) {
	m.tick++
	m.hub.began = m.hub.began.Add(-time.Hour)
	m.hub.sweep()
	if m.keys == nil {
		return
	}
	options := m.keys.options.Keys
	for {
		all, idle := m.existing()
		if len(idle) == 0 || len(all) <= options.Max && m.bytes(idle) <= options.IdleBytes {
			break
		}
		m.end(idle[0])
		m.keys.endedRoom++
	}
	_, idle := m.existing()
	for _, name := range idle {
		if m.tick-m.streams[name].tick >= modelIdle {
			m.end(name)
			m.keys.endedIdle++
		}
	}
	m.agree(t)
}

// bytes returns the size of idle keys.
func (m *model) bytes(idle []string) (bytes int) {
	for _, name := range idle {
		bytes += keyOverhead
		for _, e := range m.streams[name].kept {
			bytes += e.size
		}
	}
	return bytes
}

// touch touches a stream in hub and model.
func (m *model) touch(t *rapid.T) {
	name := rapid.SampledFrom(allNames).Draw(t, "name")
	s, want := m.streams[name], error(nil)
	switch {
	case s == nil && !m.takes(name):
		want = ErrUnknownStream
	case !isKey(name), m.keys.options.Keys.Pushed:
	case s == nil:
		_, want = m.come(name)
	case s.listeners == 0:
		m.keys.makeYoung(s, m.tick)
	}
	if err := m.hub.Touch(name); !errors.Is(err, want) {
		t.Fatalf("Touch(%q) is %v, want %v", name, err, want)
	}
}

// follow takes the changes of the demand, which must then be known to its owner.
func (m *model) follow(t *rapid.T) {
	if m.keys == nil {
		return
	}
	told := m.keys.told
	for _, change := range m.keys.demand.Changes(nil) {
		before, isTold := told[change.Name]
		if !change.Exists {
			if !isTold {
				t.Fatalf("%s has gone, and was not told", change.Name)
			}
			delete(told, change.Name)
			continue
		}
		s := m.streams[change.Name]
		if s == nil || change.Listeners != s.listeners || isTold && before.stream != s {
			t.Fatalf("told %+v after %+v, want %+v", change, before, s)
		}
		told[change.Name] = toldKey{s, s.listeners > 0}
	}
	want := make(map[string]toldKey)
	for name, s := range m.streams {
		if isKey(name) {
			want[name] = toldKey{s, s.listeners > 0}
		}
	}
	if !maps.Equal(want, told) {
		t.Fatalf("the demand told %v, want %v", told, want)
	}
}

// skipped returns how many documents of a stream, or of all keys of one, were left out.
func (m *model) skipped(name string) uint64 {
	if isKey(name) {
		return m.keys.skipped
	}
	return m.streams[name].skipped
}

func (m *model) countSkipped(name string, documents int) {
	if isKey(name) {
		m.keys.skipped += uint64(documents)
	} else {
		m.streams[name].skipped += uint64(documents)
	}
}

// checkKeys compares which streams exist, and the counts of all keys together.
func (m *model) checkKeys(t *rapid.T, stats []StreamStats) {
	var names []string
	for name := range m.streams {
		if !isKey(name) {
			names = append(names, name)
		}
	}
	if m.keys != nil {
		names = append(names, "k")
	}
	slices.Sort(names)
	if !slices.EqualFunc(stats, names, func(one StreamStats, name string) bool { return one.Name == name }) {
		t.Fatalf("stats of %+v, want %q", stats, names)
	}
	exist := 0
	for s := range m.hub.streams.all() {
		if exist++; m.streams[s.name] == nil {
			t.Fatalf("%s exists", s.name)
		}
	}
	if exist != len(m.streams) {
		t.Fatalf("%d streams exist, want %d", exist, len(m.streams))
	}
	if m.keys == nil {
		return
	}
	all, idle := m.existing()
	got := m.stats(t, "k")
	want := StreamStats{
		Name: "k", Keys: len(all), Watched: len(all) - len(idle), EndedIdle: m.keys.endedIdle, EndedRoom: m.keys.endedRoom, Skipped: m.keys.skipped,
		Events: got.Events, LastEventID: got.LastEventID, LastEventTime: got.LastEventTime,
	}
	for _, c := range m.clients { // also on a key that was removed, until the client resumes or leaves
		for _, name := range c.names {
			if c.streams[name].keys == m.keys {
				want.Subscribers++
			}
		}
	}
	for _, name := range all {
		s := m.streams[name]
		want.HistoryLen += len(s.kept)
		for _, e := range s.kept {
			want.HistoryBytes += e.size
		}
	}
	if got != want {
		t.Fatalf("stats of all keys are %+v, want %+v", got, want)
	}
}

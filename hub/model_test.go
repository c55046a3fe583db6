package hub

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The model of a hub has, for each stream, the list of the events that are kept, and
// for each client, the list of the events that it still has to get. It has no groups,
// channels, heaps or bounds. The hub must do the same as the model. The clients are in
// model_client_test.go, what they get in model_replay_test.go, the model of keys is
// in model_keys_test.go.

const modelBuffer = 3

var modelNames = []string{"a", "b", "c"}

// modelTime is when the event with a sequence number was stored.
func modelTime(seq uint64) time.Time { return time.Unix(1e9, 0).Add(time.Duration(seq) * time.Second) }

type modelEvent struct {
	epoch  string
	seq    uint64
	stream string
	state  State // "" for a document
	size   int
	notice bool // of a removed stream
	data   int  // size of the document

	reset   ResetReason // "" if it is none
	skipped int
}

type modelStream struct {
	history int
	rules   StreamOptions // for what is left out
	skipped uint64
	kept    []modelEvent
	evicted uint64     // a client cannot resume before this sequence number
	status  modelEvent // the newest one; its stream is empty if there is none
	modelKey
}

func (s *modelStream) newest() (modelEvent, bool) {
	if len(s.kept) == 0 {
		return modelEvent{}, false
	}
	return s.kept[len(s.kept)-1], true
}

func (s *modelStream) has(e modelEvent) bool { return slices.Contains(s.kept, e) }

type model struct {
	hub     *Hub
	total   int
	epochs  int
	known   bool   // the hub knows the epoch
	seq     uint64 // of the newest event, or the last one that was lost
	streams map[string]*modelStream
	keys    *modelKeys // nil if there is no stream with keys
	tick    int        // how often time has passed
	clients []*modelClient

	subscribed, resumed, slow, losses, gaps uint64
	resets                                  map[ResetReason]uint64
}

func (m *model) epoch() string {
	if !m.known {
		return ""
	}
	return "e" + strconv.Itoa(m.epochs)
}

// happens applies one batch to the hub and the model. It calls between, if not nil,
// after the history has the batch and before the groups have it.
func (m *model) happens(t *rapid.T, after uint64, between func(), messages ...Message) {
	broken := !m.known || after != m.seq
	if broken {
		m.breaks(after)
	}
	batch := Batch{After: ID{m.epoch(), after}}
	var events []modelEvent
	for _, msg := range messages {
		m.seq += rapid.SampledFrom([]uint64{1, 1, 1, 2, 5}).Draw(t, "step") // sequence numbers may have gaps
		e, err := NewEvent(ID{m.epoch(), m.seq}, modelTime(m.seq), msg)
		if err != nil {
			t.Fatal(err)
		}
		batch.Events = append(batch.Events, e)
		one := modelEvent{epoch: m.epoch(), seq: m.seq, stream: msg.Stream, size: e.size, data: len(msg.Data)}
		if msg.Status != nil {
			one.state = msg.Status.State
		}
		events = append(events, one)
		s := m.streams[msg.Stream]
		if s == nil && one.state == "" {
			s = m.published(one)
		}
		switch {
		case s == nil:
		case one.state != "":
			s.status = one
		default:
			m.documented(s)
			s.kept = append(s.kept, one)
		}
	}
	if between == nil {
		m.hub.apply(batch)
		m.agree(t)
	} else {
		if got := m.hub.record(batch); got != broken {
			t.Fatalf("broken is %v, want %v", got, broken)
		}
		m.agree(t)
		between()
		m.hub.tell(batch, broken)
	}
	for _, c := range m.clients {
		if c.ended == nil && c.epoch == "" && c.asked.LastEventID.IsZero() && c.asked.Since.IsZero() {
			c.epoch, c.told = m.epoch(), after
		}
		if c.ended == nil && (c.epoch != m.epoch() || broken && c.told < after) {
			c.ended = ErrGap
		}
		for _, e := range events {
			if e.seq > c.told {
				m.offer(c, e)
			}
		}
	}
}

// breaks notes that the events after the position do not follow the previous ones.
func (m *model) breaks(after uint64) {
	if m.known {
		m.gaps++
	}
	for _, s := range m.streams {
		s.evicted = max(s.evicted, after)
	}
	if m.keys != nil {
		m.keys.lost = max(m.keys.lost, after)
	}
	m.known, m.seq = true, after
}

// restart begins another epoch at the position.
func (m *model) restart(t *rapid.T, after uint64, messages ...Message) {
	if m.known {
		m.epochs++
	}
	m.forgetKeys()
	for _, s := range m.streams {
		s.kept, s.evicted, s.status = nil, 0, modelEvent{}
	}
	m.breaks(after)
	// A batch without events: each client is of another epoch, or of none.
	m.happens(t, after, nil)
	m.happens(t, after, nil, messages...)
}

// offer is the broadcast of an event to one client.
func (m *model) offer(c *modelClient, e modelEvent) {
	switch {
	case c.ended != nil || !slices.Contains(c.names, e.stream):
	case len(c.waiting) == modelBuffer:
		c.ended = ErrSlow
		m.slow++
	default:
		c.waiting = append(c.waiting, e)
		c.told = max(c.told, e.seq)
	}
}

// agree checks that the hub keeps the right events, and takes over which events were
// evicted because all streams together were too large.
func (m *model) agree(t *rapid.T) {
	for _, s := range m.streams {
		m.evict(s, len(s.kept)-s.history)
	}
	bytes, spare := 0, false
	for name, s := range m.streams {
		kept := len(m.hub.streams.load(name).history.events)
		if kept > len(s.kept) || kept == 0 && len(s.kept) > 0 {
			t.Fatalf("%s keeps %d, want at most %d", name, kept, len(s.kept))
		}
		m.evict(s, len(s.kept)-kept)
		for _, e := range s.kept {
			bytes += e.size
		}
		spare = spare || kept > 1
	}
	if bytes > m.total && spare {
		t.Fatalf("all streams keep %d bytes, want %d", bytes, m.total)
	}
	stats := m.hub.Stats()
	if stats.HistoryBytes != bytes {
		t.Fatalf("the hub says it keeps %d bytes, want %d", stats.HistoryBytes, bytes)
	}
	for name, s := range m.streams {
		if one := m.stats(t, name); one.HistoryLen != len(s.kept) {
			t.Fatalf("stats of %+v, want %+v", one, s)
		}
	}
}

// stats returns the statistics of the hub for a stream that exists.
func (m *model) stats(t *rapid.T, name string) StreamStats {
	one, err := m.hub.StreamStats(name)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

func (m *model) evict(s *modelStream, n int) {
	for ; n > 0; n-- {
		s.evicted = max(s.evicted, s.kept[0].seq)
		s.kept = s.kept[1:]
	}
}

// setStreams replaces the set of streams, with these bounds.
func (m *model) setStreams(t *rapid.T, wanted []StreamOptions) {
	if err := m.hub.SetStreams(wanted); err != nil {
		t.Fatal(err)
	}
	old := m.streams
	m.streams = make(map[string]*modelStream)
	m.setKeys(t, wanted, old)
	for _, one := range wanted {
		if one.Keys != nil {
			continue
		}
		s := old[one.Name]
		if s == nil {
			s = &modelStream{evicted: m.seq}
		}
		s.history, s.rules = one.History, one
		m.streams[one.Name] = s
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if m.streams[name] != nil {
			continue
		}
		for _, c := range m.clients {
			m.offer(c, modelEvent{stream: name, notice: true})
			if c.ended == nil {
				c.names = slices.DeleteFunc(slices.Clone(c.names), func(other string) bool { return other == name })
				if len(c.names) == 0 {
					c.ended = ErrUnknownStream
				}
			}
		}
	}
	m.agree(t)
}

// check compares all counters.
func (m *model) check(t *rapid.T) {
	stats := m.hub.Stats()
	want := Stats{
		Epoch: m.epoch(), Subscribers: len(m.clients), HistoryBytes: stats.HistoryBytes, Published: stats.Published,
		Subscribed: m.subscribed, Resumed: m.resumed, Slow: m.slow, Losses: m.losses, Gaps: m.gaps,
		Resets: m.resets, Streams: stats.Streams,
	}
	if diff := gocmp.Diff(want, stats, gocmp.AllowUnexported(ID{})); diff != "" {
		t.Fatalf("counted, want (-) and got (+): %s", diff)
	}
	if at := m.hub.Position(); at != (ID{m.epoch(), m.seq}) && m.known {
		t.Fatalf("the hub is at %v, want %d", at, m.seq)
	}
	m.checkKeys(t, stats.Streams)
	for name, s := range m.streams {
		one, listeners := m.stats(t, name), 0
		for _, c := range m.clients {
			if slices.Contains(c.names, name) && c.streams[name] == s {
				listeners++
			}
		}
		if one.Subscribers != listeners || listeners != s.listeners {
			t.Fatalf("%s has %d subscribers, want %d", name, one.Subscribers, listeners)
		}
		if one.Skipped != m.skipped(name) {
			t.Fatalf("%d documents of %s were skipped, want %d", one.Skipped, name, m.skipped(name))
		}
		if e, ok := s.newest(); ok != !one.LastEventID.IsZero() || ok && (one.LastEventID.seq != e.seq || !one.LastEventTime.Equal(modelTime(e.seq))) {
			t.Fatalf("stats of %+v, want the newest to be %+v", one, e)
		}
	}
}

func TestHubBehavesLikeItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		streams := drawStreams.Draw(t, "streams")
		m := &model{
			total:   rapid.SampledFrom([]int{1, 2000, 5000, 1 << 30}).Draw(t, "total"),
			streams: make(map[string]*modelStream),
			resets:  map[ResetReason]uint64{ReasonEvicted: 0, ReasonEpoch: 0, ReasonAhead: 0, ReasonInvalid: 0, ReasonSkipped: 0},
		}
		var err error
		if m.hub, err = New(Options{Streams: streams, Buffer: modelBuffer, TotalHistoryBytes: m.total}); err != nil {
			t.Fatal(err)
		}
		m.hub.portion = portion{
			events: rapid.SampledFrom([]int{1, 2, 3, replayEvents}).Draw(t, "portion events"),
			bytes:  rapid.SampledFrom([]int{1, 1200, 4000, replayBytes}).Draw(t, "portion bytes"),
		}
		m.setStreams(t, streams)
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				if m.known {
					m.happens(t, m.seq, nil, drawMessages.Draw(t, "messages")...)
				}
			},
			"join": func(t *rapid.T) { m.join(t, m.request(t)) },
			"join amid a broadcast": func(t *rapid.T) {
				if m.known {
					lost := rapid.SampledFrom([]uint64{0, 0, 0, 2}).Draw(t, "lost")
					m.happens(t, m.seq+lost, func() { m.join(t, m.request(t)) }, drawMessages.Draw(t, "messages")...)
				}
			},
			"resume amid a broadcast": func(t *rapid.T) {
				if m.known {
					m.happens(t, m.seq, func() {
						m.withClient(t, func(c *modelClient) {
							m.read(t, c)
							m.resume(t, c)
						})
					}, drawMessages.Draw(t, "messages")...)
				}
			},
			"read": func(t *rapid.T) { m.withClient(t, func(c *modelClient) { m.read(t, c) }) },
			"resume": func(t *rapid.T) {
				m.withClient(t, func(c *modelClient) {
					m.read(t, c)
					m.resume(t, c)
				})
			},
			"pause": func(t *rapid.T) {
				m.withClient(t, func(c *modelClient) { m.pause(t, c, rapid.SampledFrom([]int{-1, 0, 1200, 4000}).Draw(t, "at most")) })
			},
			"leave": func(t *rapid.T) { m.withClient(t, func(c *modelClient) { m.leave(t, c) }) },
			"come back": func(t *rapid.T) {
				m.withClient(t, func(c *modelClient) {
					m.leave(t, c)
					m.join(t, SubscribeOptions{Streams: c.asked.Streams, LastEventID: ParseLastEventID(c.last), SkipUnknown: true, Replay: c.asked.Replay})
				})
			},
			"lose": func(t *rapid.T) {
				if m.known {
					lost := rapid.Uint64Range(1, 3).Draw(t, "lost")
					m.happens(t, m.seq+lost, nil, rapid.SliceOfN(drawMessage, 0, 2).Draw(t, "messages")...)
				}
			},
			"restart": func(t *rapid.T) {
				m.restart(t, rapid.SampledFrom([]uint64{0, 0, 4}).Draw(t, "after"), rapid.SliceOfN(drawMessage, 0, 2).Draw(t, "messages")...)
			},
			"time passes": m.passTime,
			"touch":       m.touch,
			"demand":      m.follow,
			"set streams": func(t *rapid.T) { m.setStreams(t, drawStreams.Draw(t, "streams")) },
			"":            m.check,
		})
		for _, c := range slices.Clone(m.clients) {
			m.leave(t, c)
		}
		m.check(t)
	})
}

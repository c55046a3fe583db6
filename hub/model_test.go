package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The model of a hub has, for each stream, the list of the events that are kept, and
// for each client, the list of the events that it still has to get. It has no groups,
// channels, heaps or bounds. The hub must do the same as the model. The model of keys is
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

type modelClient struct {
	sub     *Subscription
	names   []string
	streams map[string]*modelStream // as they were when it began
	asked   SubscribeOptions
	last    string // the Last-Event-ID that a client would send

	epoch   string // "" if the hub did not know it yet
	told    uint64 // every event up to this one was received, or is in the channel
	waiting []modelEvent
	notices []modelEvent // taken back by a pause
	ended   error

	// Of a replay that was cut.
	pending []modelEvent
	head    uint64            // later events are wanted too
	begin   map[string]uint64 // where each stream begins
	fresh   map[string]bool   // the streams that began there with their newest document
	lost    map[string]bool   // the streams of which it cannot get every document now
	since   bool              // history was asked for
	resumes bool              // it did not join just now
	later   bool              // it comes, and begins with the next replay
}

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
		if broken {
			m.hub.endBroken(batch.After)
		}
		m.hub.broadcast(batch.Events)
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

// newcomer returns the events for a client that joins, and the reason of a reset.
func (m *model) newcomer(c *modelClient) (told []modelEvent, reason ResetReason) {
	c.begins(false)
	c.later = c.asked.Later
	if !c.asked.LastEventID.IsZero() {
		var id ID
		if id, reason = m.position(c.asked.LastEventID.String()); reason == "" {
			for _, name := range c.names {
				c.lost[name] = m.streams[name].evicted > id.seq && !c.isFresh(name)
				if c.lost[name] && !c.several() {
					reason = ReasonEvicted
				}
			}
		}
		if reason == "" {
			for _, name := range c.names {
				s := m.streams[name]
				c.begin[name] = id.seq
				if c.isFresh(name) {
					c.begin[name], c.fresh[name] = m.beforeNewest(s), true
				}
				for _, e := range s.kept {
					if e.seq > c.begin[name] {
						told = append(told, e)
					}
				}
				if e := s.status; e.seq > 0 && (e.state != Live || e.seq > id.seq) {
					told = append(told, e)
				}
			}
			return m.leaveOut(c, told), ""
		}
		m.resets[reason]++
	} else if since := c.asked.Since; !since.IsZero() {
		c.begins(true)
		for _, name := range c.names {
			s := m.streams[name]
			var kept []modelEvent
			whole := s.evicted == 0
			for _, e := range s.kept {
				if !modelTime(e.seq).Before(since) {
					kept = append(kept, e)
				} else if e.seq >= s.evicted {
					whole = true
				}
			}
			if e, ok := s.newest(); ok && len(kept) == 0 {
				kept = append(kept, e)
			}
			c.begin[name] = m.seq
			if len(kept) > 0 {
				c.begin[name] = kept[0].seq - 1
			}
			told = append(told, kept...)
			if !whole {
				reason = ReasonEvicted
			}
			if e := s.status; e.seq > 0 && (e.state != Live || !modelTime(e.seq).Before(since)) {
				told = append(told, e)
			}
		}
		return told, reason
	}
	return m.newest(c), reason
}

// isFresh reports whether a client asked for a stream of which it has nothing.
func (c *modelClient) isFresh(name string) bool { return slices.Contains(c.asked.Fresh, name) }

// begins has a client begin without knowing where in each stream.
func (c *modelClient) begins(since bool) {
	c.begin, c.fresh, c.lost, c.since = make(map[string]uint64), make(map[string]bool), make(map[string]bool), since
}

// hasNothing reports whether a client got no document of a stream yet.
func (c *modelClient) hasNothing(name string) bool { return c.fresh[name] && c.begin[name] >= c.told }

// beforeNewest returns the bound after which a stream has only its newest document.
func (m *model) beforeNewest(s *modelStream) uint64 {
	if e, ok := s.newest(); ok {
		return e.seq - 1
	}
	return m.seq
}

// newest returns the events for a client that begins with the newest documents.
func (m *model) newest(c *modelClient) (told []modelEvent) {
	c.begins(false)
	for _, name := range c.names {
		s := m.streams[name]
		c.begin[name], c.fresh[name] = m.seq, true
		if e, ok := s.newest(); ok {
			told = append(told, e)
			c.begin[name] = e.seq - 1
		}
		if s.status.seq > 0 && s.status.state != Live {
			told = append(told, s.status)
		}
	}
	return told
}

// position returns the meaning of a Last-Event-ID.
func (m *model) position(text string) (best ID, reason ResetReason) {
	reason = ReasonInvalid
	for part := range strings.SplitSeq(text, ",") {
		id, err := ParseID(strings.TrimSpace(part))
		switch {
		case err != nil:
		case id.epoch != m.epoch():
			if reason == ReasonInvalid {
				reason = ReasonEpoch
			}
		case id.seq > m.seq:
			if reason != "" {
				reason = ReasonAhead
			}
		default:
			if reason != "" || id.seq > best.seq {
				best, reason = id, ""
			}
		}
	}
	return best, reason
}

// goesOn returns the events for a client that resumes its subscription.
func (m *model) goesOn(c *modelClient) (told []modelEvent, reason ResetReason) {
	if c.epoch == "" {
		return m.newcomer(c)
	}
	c.later = false
	lose := func(reason ResetReason) ([]modelEvent, ResetReason) {
		m.losses++
		return m.newest(c), reason
	}
	if c.epoch != m.epoch() {
		return lose(ReasonEpoch)
	}
	for _, name := range c.names {
		s := m.streams[name]
		gone := slices.ContainsFunc(c.pending, func(e modelEvent) bool { return e.stream == name && e.state == "" && !s.has(e) })
		c.lost[name] = s.evicted > c.head || gone || c.since && s.evicted > max(c.begin[name], c.told)
		from, again := c.head, c.lost[name]
		switch {
		case !again:
		case !c.hasNothing(name):
			if c.since || !c.several() {
				return lose(ReasonEvicted)
			}
			from = max(c.begin[name], c.told)
		case s.evicted > c.head: // none of its documents was replayed, so it begins with the newest one
			c.begin[name] = m.beforeNewest(s)
			fallthrough
		default:
			from, c.lost[name] = max(c.begin[name], c.told), false
		}
		if again {
			c.pending = slices.DeleteFunc(c.pending, func(e modelEvent) bool { return e.stream == name && e.state == "" })
		}
		for _, e := range s.kept {
			if e.seq > from {
				told = append(told, e)
			}
		}
		if s.status.seq > c.head {
			told = append(told, s.status)
		}
	}
	for _, e := range c.pending {
		s := m.streams[e.stream]
		switch {
		case !slices.Contains(c.names, e.stream):
		case e.state == "" && !s.has(e):
			panic(fmt.Sprintf("%+v was lost unseen", e))
		case e.state == "" || s.status == e: // a status that has changed since is not replayed
			told = append(told, e)
		}
	}
	if !c.since {
		told = m.leaveOut(c, told)
	}
	return told, ""
}

func (c *modelClient) several() bool { return len(c.asked.Streams) > 1 }

// replay returns what a client gets of the documents of a stream that it missed.
func (m *model) replay(c *modelClient, name string) Replay {
	if c.asked.Replay != ReplayDefault {
		return c.asked.Replay
	}
	return cmp.Or(m.streams[name].rules.Replay, ReplayAll)
}

// leaveOut returns told without the documents that are left out of it, and with the
// resets that say so. It counts the client as resumed, or not.
func (m *model) leaveOut(c *modelClient, told []modelEvent) []modelEvent {
	reason := ResetReason("")
	for _, name := range c.names {
		s, size := m.streams[name], 0
		var missed []modelEvent
		for _, e := range told {
			if e.stream == name && e.state == "" {
				missed, size = append(missed, e), size+e.data
			}
		}
		begins := !c.resumes && c.fresh[name] || c.hasNothing(name)
		evicted, skips := c.lost[name], false
		switch m.replay(c, name) {
		case ReplayDefault, ReplayAll:
		case ReplayAuto:
			evicted = evicted && len(missed) > 0
			skips = len(missed) > 1 && (len(missed) > s.rules.ReplayEvents || size > s.rules.ReplayBytes)
		case ReplayLatest:
			evicted = evicted && len(missed) > 0
			skips = len(missed) > 1
		}
		if !skips && !evicted {
			continue
		}
		told = slices.DeleteFunc(told, func(e modelEvent) bool { return e.stream == name && e.state == "" })
		c.begin[name], c.fresh[name] = m.seq, begins || evicted
		if e, ok := s.newest(); ok && len(missed) > 0 {
			told = append(told, e)
			c.begin[name] = e.seq - 1
		}
		switch {
		case begins:
		case evicted:
			reason, told = ReasonEvicted, append(told, modelEvent{stream: name, reset: ReasonEvicted})
		default:
			if reason == "" {
				reason = ReasonSkipped
			}
			m.countSkipped(name, len(missed)-1)
			told = append(told, modelEvent{stream: name, reset: ReasonSkipped, skipped: len(missed) - 1})
		}
	}
	switch {
	case c.resumes && reason == ReasonEvicted:
		m.losses++
	case c.resumes:
	case reason == "":
		m.resumed++
	default:
		m.resets[reason]++
	}
	return told
}

// begin compares the replay of a subscription.
func (m *model) begin(t *rapid.T, c *modelClient, sub *Subscription, replay func(*modelClient) ([]modelEvent, ResetReason)) {
	var want []string
	for _, e := range c.notices {
		want = append(want, modelText(e))
	}
	c.notices = nil
	c.names = slices.DeleteFunc(slices.Clone(c.names), func(name string) bool {
		gone := m.streams[name] == nil
		if gone {
			want = append(want, modelText(modelEvent{stream: name, notice: true}))
		}
		return gone
	})
	c.sub, c.waiting, c.ended, c.streams = sub, nil, nil, maps.Clone(m.streams)
	switch {
	case len(c.names) == 0:
		c.ended, c.pending = ErrUnknownStream, nil
	case !m.known:
		c.epoch, c.told = "", 0
	default:
		told, reason := replay(c)
		if reason != "" {
			want = append(want, "reset "+string(reason))
		}
		told = slices.DeleteFunc(told, func(e modelEvent) bool { // resets come first, and take no part of a portion
			if e.reset != "" {
				want = append(want, modelText(e))
			}
			return e.reset != ""
		})
		slices.SortFunc(told, func(a, b modelEvent) int { return cmp.Compare(a.seq, b.seq) })
		for _, e := range m.cut(c, told) {
			want = append(want, modelText(e))
		}
	}
	var got []string
	for _, e := range sub.Replay() {
		got = append(got, hubText(e))
		c.handled(e)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%v, asked for %+v:\n got %q\nwant %q", c.names, c.asked, got, want)
	}
	if len(c.names) > 0 {
		want := ID{c.epoch, c.told}
		if c.pending != nil {
			want = ID{}
		}
		position := sub.Position()
		if position != want {
			t.Fatalf("position %v, want %v", position, want)
		}
		if !position.IsZero() {
			c.last = position.String()
		}
	}
	if got := sub.Streams(); !slices.Equal(got, c.names) {
		t.Fatalf("streams %q, want %q", got, c.names)
	}
}

// cut returns the first portion, and notes the rest.
func (m *model) cut(c *modelClient, told []modelEvent) []modelEvent {
	c.epoch, c.head, c.pending = m.epoch(), m.seq, nil
	if c.later {
		c.pending, c.ended, c.told = append([]modelEvent{}, told...), ErrSlow, 0
		return nil
	}
	size := 0
	for i, e := range told {
		size += e.size
		if i == m.hub.portion.events || i > 0 && size > m.hub.portion.bytes {
			c.pending, c.ended, c.told = told[i:], ErrSlow, told[i-1].seq
			return told[:i]
		}
	}
	c.told = m.seq
	return told
}

func modelText(e modelEvent) string {
	switch {
	case e.notice:
		return "removed " + e.stream
	case e.reset != "":
		return fmt.Sprintf("reset %s of %d %s", e.reset, e.skipped, e.stream)
	}
	return fmt.Sprintf("%s-%d %s %s", e.epoch, e.seq, e.stream, e.state)
}

func hubText(e *Event) string {
	for reason, reset := range resets {
		if e == reset {
			return "reset " + string(reason)
		}
	}
	if e.Kind() == KindReset {
		return fmt.Sprintf("reset %s of %d %s", e.reason, e.Skipped(), e.Stream())
	}
	if e.ID().IsZero() {
		return "removed " + e.Stream()
	}
	return fmt.Sprintf("%s %s %s", e.ID(), e.Stream(), e.state)
}

// handled notes the position of a client that will come back with a Last-Event-ID,
// which only documents have on the wire.
func (c *modelClient) handled(e *Event) {
	switch e.Kind() {
	case KindReset:
		if e.Stream() == "" {
			c.last = ""
		}
	case KindData:
		c.last = e.ID().String()
	case KindStatus:
	}
}

// join subscribes, in the hub and in the model.
func (m *model) join(t *rapid.T, asked SubscribeOptions) {
	entered, want := m.enterAll(asked.Streams, asked.SkipUnknown)
	if want == nil && entered == 0 {
		want = ErrUnknownStream
	}
	sub, err := m.hub.Subscribe(context.Background(), asked)
	if !errors.Is(err, want) {
		t.Fatalf("%+v: %v, want %v", asked, err, want)
	}
	if want != nil {
		return
	}
	m.subscribed++
	c := &modelClient{names: slices.Clone(asked.Streams), asked: asked, last: asked.LastEventID.String()}
	m.begin(t, c, sub, m.newcomer)
	m.clients = append(m.clients, c)
}

// resume resumes a client whose subscription has ended.
func (m *model) resume(t *rapid.T, c *modelClient) {
	want := c.ended
	switch {
	case want == nil:
		want = ErrOpen
	case errors.Is(want, ErrSlow), errors.Is(want, ErrGap):
		_, want = m.enterAll(m.lost(c), true)
	}
	sub, err := c.sub.Resume()
	if want != nil {
		if sub != nil || !errors.Is(err, want) {
			t.Fatalf("resume: %v, want %v", err, want)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	c.sub.Close() // has no effect any more
	if c.pending == nil {
		c.head = c.told
		c.begins(false)
	}
	c.resumes = c.epoch != ""
	m.begin(t, c, sub, m.goesOn)
}

// pause has a client take nothing for a while.
func (m *model) pause(t *rapid.T, c *modelClient, atMost int) {
	size := 0
	for _, e := range c.waiting {
		size += e.size
	}
	want := c.epoch != "" && (errors.Is(c.ended, ErrSlow) || c.ended == nil && size > atMost)
	if got := c.sub.Pause(atMost); got != want {
		t.Fatalf("paused with %d bytes of %d: %v, want %v", size, atMost, got, want)
	}
	if !want {
		return
	}
	first := true
	for _, e := range c.waiting {
		if e.notice {
			c.notices = append(c.notices, e)
		} else if first {
			c.told, first = e.seq-1, false
		}
	}
	c.waiting, c.ended = nil, ErrSlow
}

// withClient calls f with one of the clients, if there is any.
func (m *model) withClient(t *rapid.T, do func(*modelClient)) {
	if len(m.clients) > 0 {
		do(rapid.SampledFrom(m.clients).Draw(t, "client"))
	}
}

func (m *model) leave(t *rapid.T, c *modelClient) {
	c.sub.Close()
	m.leaveAll(c)
	if c.ended == nil {
		c.ended = ErrClosed
	}
	m.read(t, c)
	m.clients = slices.DeleteFunc(m.clients, func(other *modelClient) bool { return other == c })
}

// read receives all waiting events of a client, and compares them.
func (m *model) read(t *rapid.T, c *modelClient) {
	for _, want := range c.waiting {
		select {
		case e, ok := <-c.sub.Events():
			if !ok || hubText(e) != modelText(want) {
				t.Fatalf("got %v, want %s", e, modelText(want))
			}
			c.handled(e)
		default:
			t.Fatalf("nothing there, want %s", modelText(want))
		}
	}
	c.waiting = nil
	select {
	case e, ok := <-c.sub.Events():
		if ok {
			t.Fatalf("got %s, want nothing more", hubText(e))
		}
		if c.ended == nil {
			t.Fatal("the channel is closed, the model's is not")
		}
	default:
		if c.ended != nil {
			t.Fatalf("the channel is open, want it closed by %v", c.ended)
		}
	}
	if err := c.sub.Err(); !errors.Is(err, c.ended) {
		t.Fatalf("Err is %v, want %v", err, c.ended)
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

// The generators of the actions.
var (
	drawMessage = rapid.Custom(func(t *rapid.T) Message {
		m := Message{Stream: rapid.SampledFrom(allNames).Draw(t, "stream")}
		if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
			m.Status = &Status{State: rapid.SampledFrom([]State{Live, Stale, Down}).Draw(t, "state")}
		} else {
			m.Data = []byte(strings.Repeat("1", rapid.SampledFrom([]int{1, 1, 500, 2000}).Draw(t, "size")))
		}
		return m
	})
	drawMessages = rapid.SliceOfN(drawMessage, 1, 2*modelBuffer)
	drawReplay   = rapid.SampledFrom([]Replay{ReplayDefault, ReplayAll, ReplayAuto, ReplayLatest})
	drawNames    = rapid.SliceOfNDistinct(rapid.SampledFrom(allNames), 1, len(allNames), rapid.ID)
	drawStreams  = rapid.Custom(func(t *rapid.T) []StreamOptions {
		plain := rapid.SliceOfNDistinct(rapid.SampledFrom(modelNames), 1, len(modelNames), rapid.ID)
		streams := append(Named(plain.Draw(t, "streams")...), rapid.SliceOfN(drawKeys, 0, 1).Draw(t, "keys")...)
		for i := range streams {
			streams[i].History = rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "history")
			streams[i].Replay = drawReplay.Draw(t, "replay")
			streams[i].ReplayEvents = rapid.IntRange(1, 4).Draw(t, "replay events")
			streams[i].ReplayBytes = rapid.SampledFrom([]int{1, 501, 1 << 20}).Draw(t, "replay bytes")
		}
		return streams
	})
)

// request draws the options of a client.
func (m *model) request(t *rapid.T) SubscribeOptions {
	asked := SubscribeOptions{
		Streams: drawNames.Draw(t, "names"), SkipUnknown: rapid.Bool().Draw(t, "skip unknown"), Replay: drawReplay.Draw(t, "replay"),
		Later: rapid.IntRange(0, 3).Draw(t, "later") == 0,
	}
	position := func(label string) string {
		return ID{"e" + strconv.Itoa(m.epochs), rapid.Uint64Range(0, m.seq+2).Draw(t, label)}.String()
	}
	switch rapid.IntRange(0, 9).Draw(t, "request") {
	case 0, 1, 2, 3:
		asked.LastEventID = ParseLastEventID(position("position"))
	case 4:
		asked.LastEventID = ParseLastEventID(rapid.SampledFrom([]string{"other-1", "senseless", "e0-01", ","}).Draw(t, "wrong"))
	case 5:
		asked.LastEventID = ParseLastEventID(position("one") + "," + rapid.SampledFrom([]string{"other-9", "senseless", ""}).Draw(t, "wrong") + ", " + position("other"))
	case 6, 7:
		asked.Since = modelTime(rapid.Uint64Range(0, m.seq+1).Draw(t, "since"))
	}
	asked.Fresh = rapid.SliceOfNDistinct(rapid.SampledFrom(allNames), 0, 2, rapid.ID).Draw(t, "fresh")
	return asked
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

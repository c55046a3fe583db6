package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The model of a hub is a list of events and a cursor for each client. It knows
// nothing of groups, channels or rings; what it says must be what the hub does.

const (
	modelHistory = 4
	modelBuffer  = 3
	modelMax     = 6
)

var modelStreams = []string{"a", "b"}

type modelEvent struct {
	seq    uint64
	stream string
	state  State // "" for a document
}

type modelClient struct {
	sub     *Subscription
	streams []string
	waiting []modelEvent // what is in the channel
	last    string       // ID of the last event handled
	goesOn  bool         // last is of an earlier subscription
	ended   error
}

func (c *modelClient) wants(e modelEvent) bool { return slices.Contains(c.streams, e.stream) }

type model struct {
	hub     *Hub
	epochs  int
	seq     uint64 // of the newest event
	floor   uint64 // nobody can resume from before: a gap ended here
	events  []modelEvent
	clients []*modelClient
}

func (m *model) epoch() string { return "e" + strconv.Itoa(m.epochs) }

// apply makes the next events happen, as one batch, in hub and model. If between
// is not nil it is called in the middle of that.
func (m *model) apply(t *rapid.T, between func(), messages ...Message) {
	var batch []*Event
	for _, msg := range messages {
		m.seq++
		e, err := NewEvent(ID{m.epoch(), m.seq}, time.Now(), msg)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, e)
		me := modelEvent{seq: m.seq, stream: msg.Stream}
		if msg.Status != nil {
			me.state = msg.Status.State
		}
		m.events = append(m.events, me)
		for _, c := range m.clients {
			switch {
			case c.ended != nil || !c.wants(me):
			case len(c.waiting) == modelBuffer:
				c.ended = ErrSlow
			default:
				c.waiting = append(c.waiting, me)
			}
		}
	}
	if between == nil {
		m.hub.apply(batch)
		return
	}
	// Somebody comes when history knows of the batch and the groups do not.
	if whole, gap := m.hub.remember(batch); whole != len(batch) || gap {
		t.Fatalf("remembered %d of %d, gap %v", whole, len(batch), gap)
	}
	between()
	m.hub.broadcast(batch)
}

func (m *model) documents(stream string) []modelEvent {
	var list []modelEvent
	for _, e := range m.events {
		if e.stream == stream && e.state == "" {
			list = append(list, e)
		}
	}
	return list
}

func (m *model) status(stream string) (newest modelEvent) {
	for _, e := range m.events {
		if e.stream == stream && e.state != "" {
			newest = e
		}
	}
	return newest
}

// replay is what a client must be told when it joins.
func (m *model) replay(streams []string, lastEventID string, goesOn bool) []string {
	var told []modelEvent
	reason := Reason("")
	after, err := ParseID(lastEventID)
	switch {
	case lastEventID == "":
		reason = "none"
	case err != nil:
		reason = ReasonInvalid
	case m.seq == 0 || after.epoch != m.epoch():
		reason = ReasonEpoch
	case after.seq > m.seq:
		reason = ReasonAhead
	case after.seq < m.floor:
		reason = ReasonEvicted
	}
	for _, stream := range streams {
		documents := m.documents(stream)
		if reason == "" && len(documents) > modelHistory && documents[len(documents)-modelHistory-1].seq > after.seq {
			reason = ReasonEvicted
		}
	}
	for _, stream := range streams {
		documents := m.documents(stream)
		if reason == "" {
			for _, e := range documents {
				if e.seq > after.seq {
					told = append(told, e)
				}
			}
		} else if len(documents) > 0 {
			told = append(told, documents[len(documents)-1])
		}
		if s := m.status(stream); s.seq > 0 && (s.state != Live && (reason != "" || !goesOn) || reason == "" && s.seq > after.seq) {
			told = append(told, s)
		}
	}
	slices.SortFunc(told, func(a, b modelEvent) int { return int(a.seq) - int(b.seq) })
	var texts []string
	if reason != "" && reason != "none" {
		texts = append(texts, "reset "+string(reason))
	}
	for _, e := range told {
		texts = append(texts, m.text(e))
	}
	return texts
}

func (m *model) text(e modelEvent) string {
	return fmt.Sprintf("%s-%d %s %s", m.epoch(), e.seq, e.stream, e.state)
}

func hubText(e *Event) string {
	if e.Kind() == KindReset {
		for reason, reset := range resets {
			if e == reset {
				return "reset " + string(reason)
			}
		}
	}
	return fmt.Sprintf("%s %s %s", e.ID(), e.Stream(), e.state)
}

// newcomer is a client that has not joined yet.
func (m *model) newcomer(t *rapid.T) *modelClient {
	seq := rapid.Uint64Range(1, m.seq+3).Draw(t, "seq")
	return &modelClient{
		streams: rapid.SampledFrom([][]string{{"a"}, {"b"}, {"a", "b"}}).Draw(t, "streams"),
		last: rapid.SampledFrom([]string{
			"", ID{m.epoch(), seq}.String(), ID{m.epoch(), seq}.String(), "other-1", "senseless",
		}).Draw(t, "last"),
	}
}

// join subscribes in hub and model and compares what is replayed.
func (m *model) join(t *rapid.T, c *modelClient) {
	open := 0
	for _, other := range m.clients {
		if other.ended == nil {
			open++
		}
	}
	opts := SubscribeOptions{Streams: c.streams, LastEventID: c.last}
	if id, err := ParseID(c.last); c.goesOn && err == nil {
		opts.LastEventID, opts.After = "ignored", id
	}
	sub, err := m.hub.Subscribe(context.Background(), opts)
	if open >= modelMax {
		if !errors.Is(err, ErrFull) {
			t.Fatalf("with %d clients: %v, want ErrFull", open, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	want := m.replay(c.streams, c.last, opts.LastEventID == "ignored")
	var got []string
	for _, e := range sub.Replay() {
		got = append(got, hubText(e))
		c.handled(e)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("join of %v after %q:\n got %q\nwant %q", c.streams, c.last, got, want)
	}
	c.sub, c.ended, c.waiting = sub, nil, nil
	m.clients = append(m.clients, c)
}

func (c *modelClient) handled(e *Event) {
	last, err := ParseID(c.last)
	switch {
	case e.Kind() == KindReset:
		c.last = ""
	case err != nil || last.epoch != e.id.epoch || last.seq < e.id.seq:
		c.last = e.ID().String() // a status told when joining may be older
	}
}

// withClient does something with one of the clients, if there is any.
func (m *model) withClient(t *rapid.T, do func(*modelClient)) {
	if len(m.clients) > 0 {
		do(rapid.SampledFrom(m.clients).Draw(t, "client"))
	}
}

func (m *model) drop(c *modelClient) {
	m.clients = slices.DeleteFunc(m.clients, func(other *modelClient) bool { return other == c })
}

// read takes everything that waits for a client, and compares.
func (m *model) read(t *rapid.T, c *modelClient) {
	for _, want := range c.waiting {
		select {
		case e, ok := <-c.sub.Events():
			if !ok || hubText(e) != m.text(want) {
				t.Fatalf("got %v, want %s", e, m.text(want))
			}
			c.handled(e)
		default:
			t.Fatalf("nothing there, want %s", m.text(want))
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

// lose makes all clients read what they have, then ends them with ErrGap.
func (m *model) lose(t *rapid.T) {
	for _, c := range m.clients {
		m.read(t, c)
		if c.ended == nil {
			c.ended = ErrGap
		}
	}
}

func TestHubBehavesLikeItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, err := New(Options{Streams: modelStreams, History: modelHistory, Buffer: modelBuffer, MaxSubscribers: modelMax})
		if err != nil {
			t.Fatal(err)
		}
		m := &model{hub: h}
		document := rapid.Custom(func(t *rapid.T) Message {
			return Message{Stream: rapid.SampledFrom(modelStreams).Draw(t, "stream"), Data: []byte("1")}
		})
		status := rapid.Custom(func(t *rapid.T) Message {
			state := rapid.SampledFrom([]State{Live, Stale, Down}).Draw(t, "state")
			return Message{Stream: rapid.SampledFrom(modelStreams).Draw(t, "stream"), Status: &Status{State: state}}
		})
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) { m.apply(t, nil, document.Draw(t, "message")) },
			"publish many": func(t *rapid.T) {
				m.apply(t, nil, rapid.SliceOfN(rapid.OneOf(document, status), 2, 2*modelBuffer).Draw(t, "messages")...)
			},
			"change freshness": func(t *rapid.T) { m.apply(t, nil, status.Draw(t, "message")) },
			"join":             func(t *rapid.T) { m.join(t, m.newcomer(t)) },
			"join amid a broadcast": func(t *rapid.T) {
				if m.seq == 0 || len(m.clients) >= modelMax {
					return // the first event begins an epoch, and there must be room
				}
				messages := rapid.SliceOfN(rapid.OneOf(document, status), 1, modelBuffer).Draw(t, "messages")
				m.apply(t, func() { m.join(t, m.newcomer(t)) }, messages...)
			},
			"leave": func(t *rapid.T) {
				m.withClient(t, func(c *modelClient) {
					c.sub.Close()
					if c.ended == nil {
						c.ended = ErrClosed
					}
					m.read(t, c)
					m.drop(c)
				})
			},
			"read": func(t *rapid.T) { m.withClient(t, func(c *modelClient) { m.read(t, c) }) },
			"resume": func(t *rapid.T) {
				m.withClient(t, func(c *modelClient) {
					m.read(t, c)
					if c.ended != nil {
						m.drop(c)
						c.goesOn = rapid.Bool().Draw(t, "goes on")
						m.join(t, c)
					}
				})
			},
			"restart": func(t *rapid.T) {
				first := rapid.SampledFrom([]uint64{1, 1, 5}).Draw(t, "first")
				if m.seq > 0 || first > 1 { // else this is simply the beginning
					m.lose(t)
				}
				m.epochs++
				m.seq, m.floor, m.events = first-1, first-1, nil
				m.apply(t, nil, document.Draw(t, "message"))
			},
			"gap": func(t *rapid.T) {
				if m.seq == 0 {
					return // there is nothing to miss
				}
				m.lose(t)
				m.seq += rapid.Uint64Range(1, 3).Draw(t, "lost")
				m.floor = m.seq
				m.apply(t, nil, document.Draw(t, "message"))
			},
			"": func(t *rapid.T) {
				open := 0
				for _, c := range m.clients {
					if c.ended == nil {
						open++
					}
				}
				stats := h.Stats()
				if stats.Subscribers != open {
					t.Fatalf("%d subscribers, want %d", stats.Subscribers, open)
				}
				for _, s := range stats.Streams {
					if kept := min(len(m.documents(s.Name)), modelHistory); s.HistoryLen != kept {
						t.Fatalf("%s keeps %d, want %d", s.Name, s.HistoryLen, kept)
					}
				}
			},
		})
		for _, c := range m.clients {
			m.read(t, c)
		}
	})
}

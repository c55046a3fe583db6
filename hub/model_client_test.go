package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"
)

// A client of the model, beside the subscription that it describes.

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
	known   map[string]uint64 // the newest event when they did
	lost    map[string]bool   // the streams of which it cannot get every document now
	another map[string]bool   // the streams that were removed, and are there again without their history
	since   bool              // history was asked for
	resumes bool              // it did not join just now
	later   bool              // it comes, and begins with the next replay
}

// begin compares the replay of a subscription.
func (m *model) begin(t *rapid.T, c *modelClient, sub *Subscription, replay func(*modelClient) ([]modelEvent, ResetReason)) {
	var want []string
	for _, e := range c.notices {
		want = append(want, modelText(e))
	}
	c.notices = nil
	c.names = slices.DeleteFunc(slices.Clone(c.names), func(name string) bool {
		gone := m.streams[name] == nil || slices.Contains(c.asked.Hidden, name)
		if gone {
			want = append(want, modelText(modelEvent{stream: name, notice: true}))
		}
		return gone
	})
	c.another = make(map[string]bool)
	for _, name := range c.names {
		c.another[name] = c.streams[name] != m.streams[name]
	}
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
	entered, want := m.enterAll(asked.Streams, asked.Hidden, asked.SkipUnknown)
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
		_, want = m.enterAll(m.lost(c), nil, true)
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

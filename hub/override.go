package hub

import (
	"slices"

	"github.com/polluxhub/pollux/hub/sse"
)

// ErrorOrigin is the class of error in the status of a stream of a server that follows
// another one and cannot reach it.
const ErrorOrigin = "origin"

// Override tells the subscribers of each stream, now and when they join, the status that
// status returns, in place of that of the stream: the hub has reason to doubt it, because it
// hears nothing from its log. Nil ends that, and tells the subscribers the status of the
// stream again. These events have no ID, since the log does not know them. The histories
// stay as they are.
//
// status must be safe for concurrent use, and is called with locks held, so it must not wait.
// Override itself must not be called concurrently.
func (h *Hub) Override(status func(stream string) Status) {
	h.mu.Lock()
	h.overrides = status
	h.mu.Unlock()
	var streams []*stream
	for s := range h.streams.all() {
		if s.subscribers.Load() > 0 { // who joins later is told then
			streams = append(streams, s)
		}
	}
	for some := range slices.Chunk(streams, atOnce) {
		list := make([]retelling, len(some))
		for i, s := range some {
			list[i].stream = s
		}
		h.makeNotices(list)
		for _, g := range h.groups.load() {
			g.retell(list)
		}
	}
}

// retelling is a stream whose subscribers are told its status again.
type retelling struct {
	stream *stream
	notice *Event // nil before it was made
	of     *Event // the status that the log had told of the stream by then
}

// makeNotices makes the notices that are not there yet, and those of streams of which the log has
// told another status since.
func (h *Hub) makeNotices(list []retelling) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for i := range list {
		if one := &list[i]; one.notice == nil || one.of != one.stream.status {
			one.notice, one.of = h.statusNotice(one.stream), one.stream.status
		}
	}
}

// retell offers the notices to the subscribers of the group. Meanwhile the log may have told a newer
// status, which the group has got already: a notice of the older one behind it would stay. Under the
// lock of the group no broadcast comes between.
func (g *Group) retell(list []retelling) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hub.makeNotices(list)
	for _, one := range list {
		subscribers := g.lists[one.stream]
		for j := len(subscribers) - 1; j >= 0; j-- { // from the end, because a slow subscription leaves the list
			subscribers[j].offerLocked(one.notice)
		}
	}
	g.wakeLocked()
}

// addStatuses appends the status of each stream where a subscriber may have been told
// another one that is not in the log: by this hub, or by another one that reads the same log.
// A status that is not live comes with the replay of a new subscriber anyway. The caller
// holds Hub.mu.
func (h *Hub) addStatuses(notices []*Event, topics []topic, from startPoint) []*Event {
	resumes := from.rest != nil || !from.asked.LastEventID.IsZero()
	if h.overrides == nil && !(h.tells && resumes) {
		return notices
	}
	for _, t := range topics {
		s := t.stream
		if h.overrides == nil && from.rest == nil && s.status != nil && s.status.state != Live {
			continue
		}
		notices = append(notices, h.statusNotice(s))
	}
	return notices
}

// statusNotice returns the status of a stream as an event without an ID. The caller holds
// Hub.mu.
func (h *Hub) statusNotice(s *stream) *Event {
	var notice *Event
	var err error
	switch {
	case h.overrides != nil:
		notice, err = newNotice(s.name, h.overrides(s.name))
	case s.status != nil:
		notice, err = encodeNotice(s.name, s.status.state, s.status.data)
	default:
		notice, err = newNotice(s.name, Status{State: Live})
	}
	if err != nil {
		panic(err) // the data are of one line
	}
	return notice
}

// newNotice returns a status that has no place in the timeline.
func newNotice(stream string, status Status) (*Event, error) {
	document, err := status.Document(stream)
	if err != nil {
		return nil, err
	}
	return encodeNotice(stream, status.State, document)
}

func encodeNotice(stream string, state State, document []byte) (*Event, error) {
	room, err := encode(sse.Event{Name: StatusEvent, Data: document})
	if err != nil {
		return nil, err
	}
	return &Event{stream: stream, kind: KindStatus, state: state, data: document, room: room}, nil
}

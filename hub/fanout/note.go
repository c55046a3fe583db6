package fanout

import (
	"strconv"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/wire"
)

// note is a text for one client: a heartbeat, or its position.
type note struct{ wire.Note }

// times adds the data of a heartbeat: the server's time, and when the newest document of
// each stream was made. So a script needs no clock of its own to know how old a document
// is. A retry time of 0 is left out.
func (n *note) times(h *hub.Hub, streams []string, retry time.Duration) {
	n.Add("{")
	if retry != 0 {
		n.Add(`"retry":`)
		n.Vary(strconv.FormatInt(retry.Milliseconds(), 10))
		n.Add(",")
	}
	n.Add(`"now":"`)
	now := h.Now()
	n.Vary(wire.Timestamp(now))
	n.Add(`","made":{`)
	comma := ""
	for _, stream := range streams {
		e, err := h.Latest(stream)
		if err != nil || e == nil {
			continue // removed, or without a document
		}
		n.Add(comma + `"` + stream + `":"`)
		n.Vary(wire.Timestamp(e.TimeAt(now)))
		n.Add(`"`)
		comma = ","
	}
	n.Add("}}")
}

// comment is the heartbeat that is the same for all clients.
var comment = wire.NewShared(": " + hub.HeartbeatEvent + "\n\n")

// heartbeat returns what a client gets after a silence: a comment, or an event, which
// scripts can receive. A stream of lines has no comments. The heartbeat has the ID of
// the client's position where the client does not know it.
func (c *Client) heartbeat() *wire.Fragment {
	id, lines := c.announce().String(), c.encoder.Lines()
	var n note
	switch {
	case lines || c.heartbeatEvent:
		n.heartbeat(lines, id, func() { n.times(c.engine.opts.Hub, c.streams.all(), 0) })
	case id == "":
		return c.encoder.Shared(comment)
	default:
		n.Add(": " + hub.HeartbeatEvent + "\n")
		n.idField(id)
		n.Add("\n")
	}
	return c.encoder.Note(&n.Note)
}

// position returns a block that has an ID and nothing else. A browser remembers the ID
// and dispatches no event.
func (c *Client) position(at hub.ID) *wire.Fragment {
	var n note
	if c.encoder.Lines() {
		n.Add(`{"event":"` + hub.PositionEvent + `","id":"`)
		n.Vary(at.String())
		n.Add("\"}\n")
	} else {
		n.idField(at.String())
		n.Add("\n")
	}
	return c.encoder.Note(&n.Note)
}

// farewell returns the last block of a stream that a drain ends: when the client should
// return, and its position where it does not know it. A script, which cannot read the
// retry field, gets a heartbeat with the retry time.
func (c *Client) farewell() *wire.Fragment {
	id, lines, retry := c.announce().String(), c.encoder.Lines(), c.engine.between(c.engine.ReturnWithin())
	var n note
	if !lines {
		n.Add("retry: ")
		n.Vary(strconv.FormatInt(retry.Milliseconds(), 10))
		n.Add("\n")
	}
	if lines || c.heartbeatEvent {
		n.heartbeat(lines, id, func() { n.times(c.engine.opts.Hub, c.streams.all(), retry) })
	} else {
		n.idField(id)
		n.Add("\n")
	}
	return c.encoder.Note(&n.Note)
}

// heartbeat adds a heartbeat that is an event. An empty ID is left out. data adds the
// data of the event.
func (n *note) heartbeat(lines bool, id string, data func()) {
	if lines {
		n.Add(`{"event":"` + hub.HeartbeatEvent + `",`)
		if id != "" {
			n.Add(`"id":"`)
			n.Vary(id)
			n.Add(`",`)
		}
		n.Add(`"data":`)
		data()
		n.Add("}\n")
		return
	}
	n.Add("event: " + hub.HeartbeatEvent + "\n")
	n.idField(id)
	n.Add("data: ")
	data()
	n.Add("\n\n")
}

// idField adds the field id of an event. An empty ID is left out.
func (n *note) idField(id string) {
	if id != "" {
		n.Add("id: ")
		n.Vary(id)
		n.Add("\n")
	}
}

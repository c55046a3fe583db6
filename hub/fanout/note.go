package fanout

import (
	"strconv"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// note is a text for one client alone, a heartbeat or where the client stands. Of
// clients with the same streams all get one that is alike but for what stands in a
// few places, and there as long.
type note struct {
	text   []byte
	masked []byte // with NUL in these places
}

func (n *note) add(text string) {
	n.text, n.masked = append(n.text, text...), append(n.masked, text...)
}

// vary adds what differs from client to client.
func (n *note) vary(text string) {
	n.text, n.masked = append(n.text, text...), append(n.masked, make([]byte, len(text))...)
}

// timeLayout is RFC 3339 with milliseconds. All times are as long.
const timeLayout = "2006-01-02T15:04:05.000Z"

func timestamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// pulse adds the data of a heartbeat: the server's time, and when the newest document
// of each stream was made. A script needs no clock of its own to know how old a
// document is. retry is told if it is not 0.
func (n *note) pulse(h *hub.Hub, streams []string, retry time.Duration) {
	if len(streams) == 0 {
		streams = defaultStreams
	}
	n.add("{")
	if retry != 0 {
		n.add(`"retry":`)
		n.vary(strconv.FormatInt(retry.Milliseconds(), 10))
		n.add(",")
	}
	n.add(`"now":"`)
	n.vary(timestamp(time.Now()))
	n.add(`","made":{`)
	comma := ""
	for _, stream := range streams {
		e, err := h.Latest(stream)
		if err != nil || e == nil {
			continue // removed, or without a document
		}
		n.add(comma + `"` + stream + `":"`)
		n.vary(timestamp(e.Time()))
		n.add(`"`)
		comma = ","
	}
	n.add("}}")
}

var defaultStreams = []string{hub.DefaultStream}

// heartbeat returns what a client hears after a silence: a comment, or an event,
// which scripts can hear. Lines know no comments. It says where the client
// stands, if the client was not told that.
func (c *Client) heartbeat() *piece {
	id, lines := c.tell().String(), c.encoding.lines()
	var n note
	switch {
	case lines || c.heartbeatEvent:
		n.heartbeat(lines, id, func() { n.pulse(c.engine.opts.Hub, c.streams, 0) })
	case id == "":
		return c.encoding.comment()
	default:
		n.add(": " + hub.HeartbeatEvent + "\n")
		n.idField(id)
		n.add("\n")
	}
	return c.encoding.note(&n)
}

// position returns what tells a client that it stands at the ID, and nothing else:
// it dispatches no event in a browser.
func (c *Client) position(at hub.ID) *piece {
	var n note
	if c.encoding.lines() {
		n.add(`{"event":"` + hub.PositionEvent + `",`)
		n.idMember(at.String())
		n.text[len(n.text)-1], n.masked[len(n.masked)-1] = '}', '}'
	} else {
		n.idField(at.String())
	}
	n.add("\n")
	return c.encoding.note(&n)
}

// heartbeat adds a heartbeat that is an event, with its ID unless that is empty. data
// adds its data.
func (n *note) heartbeat(lines bool, id string, data func()) {
	if lines {
		n.add(`{"event":"` + hub.HeartbeatEvent + `",`)
		n.idMember(id)
		n.add(`"data":`)
		data()
		n.add("}\n")
		return
	}
	n.add("event: " + hub.HeartbeatEvent + "\n")
	n.idField(id)
	n.add("data: ")
	data()
	n.add("\n\n")
}

// idMember adds the member id of an object, and a comma, unless the ID is empty.
func (n *note) idMember(id string) {
	if id != "" {
		n.add(`"id":"`)
		n.vary(id)
		n.add(`",`)
	}
}

// idField adds the field id of an event, unless the ID is empty.
func (n *note) idField(id string) {
	if id != "" {
		n.add("id: ")
		n.vary(id)
		n.add("\n")
	}
}

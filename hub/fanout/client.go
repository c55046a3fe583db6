package fanout

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/sse"
)

// Request is what a client asked for.
type Request struct {
	// Streams are the names of the streams, without repetition. None means
	// hub.DefaultStream. With more than one, documents are named by their
	// stream.
	Streams []string

	// LastEventID is where to resume, as the client sent it, unchecked. Empty
	// means: begin with the newest document.
	LastEventID string

	// Limit ends the stream after so many documents. 0 means no limit.
	Limit int

	// HeartbeatEvent makes heartbeats events named "hb", which scripts can
	// hear, instead of comments. The first one comes at once and tells the retry
	// time in milliseconds, which scripts cannot read either.
	HeartbeatEvent bool
}

// Reason says why a stream ended. It is a label of metrics and logs.
type Reason string

// The reasons for which streams end.
const (
	ReasonGone  Reason = "gone"  // the client went away
	ReasonSlow  Reason = "slow"  // the client did not take a write in time
	ReasonLimit Reason = "limit" // the client has the documents it asked for
	ReasonAge   Reason = "age"   // the stream reached its maximum age
	ReasonDrain Reason = "drain" // the engine drains
	ReasonHub   Reason = "hub"   // the hub ended, or could not take the client back
	ReasonError Reason = "error" // the connection cannot carry a stream
)

// Client is one open stream.
type Client struct {
	id     uuid.UUID
	engine *Engine
	req    Request
	named  bool

	subscription *hub.Subscription
	resumeAfter  string // Last-Event-ID for subscribing again
	written      hub.ID // last event written; takes precedence over resumeAfter
	documents    int    // documents written
}

// Close ends a client that is not going to be served.
func (c *Client) Close() {
	c.subscription.Close()
	c.engine.leave()
}

// maxGather is how many bytes go into one write, unless a single frame is
// larger. It bounds what the slowest client has to take within one write
// timeout.
const maxGather = 64 << 10

// gather appends frames to buf: of the events given, then of those waiting in
// the channel, until maxGather is reached or nothing is ready. It returns the
// events left over, and whether the client has all the documents it asked for.
func (c *Client) gather(buf []byte, events []*hub.Event) (frames []byte, rest []*hub.Event, done bool) {
	for len(events) > 0 && len(buf) < maxGather {
		buf = c.take(buf, events[0])
		events = events[1:]
		if c.satisfied() {
			return buf, nil, true
		}
	}
	for len(events) == 0 && len(buf) < maxGather {
		select {
		case e, ok := <-c.subscription.Events():
			if !ok {
				return buf, nil, false // the next receive sees it again
			}
			buf = c.take(buf, e)
			if c.satisfied() {
				return buf, nil, true
			}
		default:
			return buf, nil, false
		}
	}
	return buf, events, false
}

func (c *Client) take(buf []byte, e *hub.Event) []byte {
	switch e.Kind() {
	case hub.KindReset:
		c.resumeAfter, c.written = "", hub.ID{}
	case hub.KindData:
		c.documents++
		c.written = e.ID()
	case hub.KindStatus:
		c.written = e.ID()
	}
	c.engine.stats.deliveries.Add(1)
	if c.named {
		return append(buf, e.NamedFrame()...)
	}
	return append(buf, e.Frame()...)
}

func (c *Client) satisfied() bool {
	return c.req.Limit > 0 && c.documents >= c.req.Limit
}

// resubscribe follows the end of the subscription, and returns what to write
// next. It reports false if the stream cannot go on.
func (c *Client) resubscribe() (replay []*hub.Event, ok bool) {
	switch err := c.subscription.Err(); {
	case errors.Is(err, hub.ErrSlow), errors.Is(err, hub.ErrGap):
	default:
		return nil, false
	}
	if !c.written.IsZero() {
		c.resumeAfter = c.written.String()
	}
	subscription, err := c.engine.resubscribe(c.req.Streams, c.resumeAfter)
	if err != nil {
		return nil, false
	}
	c.subscription = subscription
	return subscription.Replay(), true
}

// preface is what every stream begins with. A script, which cannot read a retry
// field, hears of it in a first heartbeat if it can hear those.
func (c *Client) preface(buf []byte) []byte {
	retry := c.engine.between(2*time.Second, 5*time.Second).Round(time.Millisecond)
	buf = sse.AppendRetry(buf, retry)
	buf = append(sse.AppendComment(buf, "pollux"), '\n')
	if c.req.HeartbeatEvent {
		buf = fmt.Appendf(buf, "event: hb\ndata: {\"retry\": %d}\n\n", retry.Milliseconds())
	}
	return buf
}

var (
	heartbeatComment = []byte(": hb\n\n")
	heartbeatEvent   = []byte("event: hb\ndata: {}\n\n")
)

func (c *Client) heartbeat(buf []byte) []byte {
	if c.req.HeartbeatEvent {
		return append(buf, heartbeatEvent...)
	}
	return append(buf, heartbeatComment...)
}

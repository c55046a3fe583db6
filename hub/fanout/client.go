package fanout

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/view"
	"github.com/polluxhub/pollux/hub/fanout/wire"
)

// Client is one open stream. After Open it belongs to the handler, then to its writer.
type Client struct {
	id      uuid.UUID
	address netip.Addr
	engine  *Engine
	opened  time.Duration // after the engine began

	streams nameList
	until   func(streams []string) time.Time // nil: the client may stay
	encoder *view.Encoder

	subscription   *hub.Subscription
	backlog        few[*hub.Event] // events to write before those in the channel
	written        hub.ID          // the position of the client; zero before its first event
	bytes          uint64          // bytes of the answer written
	documents      uint32          // documents written
	limit          uint32          // 0: none
	left           atomic.Bool     // the engine does not count the client any more
	announced      bool            // the client knows its position: written was the last ID that it got
	heartbeatEvent bool            // heartbeats are events
	resumed        bool            // the client sent a Last-Event-ID
	replayed       bool            // the client got the replay of its subscription
	settled        bool            // the client got its replay, and its position after that
	behind         bool            // the last write waited for the client, see catchUp
	paused         bool            // its subscription ended only because of pause
	pace           pace

	handover // what the writers of handed over connections need
}

// Close gives up a client that is not served. After Serve, and after another Close, it
// does nothing.
func (c *Client) Close() {
	if c.left.CompareAndSwap(false, true) {
		c.subscription.Close()
		c.encoder.Close()
		if c.pace == holds {
			c.engine.holdings.release(c)
		}
		c.engine.admission.leave(c.address)
	}
}

// Serve writes the answer: the status, the headers that are set on w, and the stream. It
// returns when the stream has ended, or when the connection was handed over to one of
// the engine's writers. w must be the server's own ResponseWriter for r, or one that
// [http.ResponseController] can unwrap. After Serve it must not be used.
//
// An error of a write ends the stream. So does a ResponseWriter that cannot flush or has
// no write deadlines. A connection that can carry another request keeps a write
// deadline. The handler of that request has to set its own.
func (c *Client) Serve(w http.ResponseWriter, r *http.Request) {
	c.opened = time.Since(c.engine.begin)
	if log := c.engine.opts.Logger; log.Enabled(r.Context(), slog.LevelDebug) { // its arguments would be a tenth of what a join allocates
		log.Debug("stream opened", "client", c.id, "address", c.address, "streams", c.streams.all(), "resumed", c.resumed)
	}
	if c.engine.handOver(c, w) {
		return
	}
	reason := ReasonError // if run panics
	defer func() { c.finish(reason) }()
	connection := connectionOf(r.Context())
	connection.hold()
	defer connection.release()
	control := http.NewResponseController(w)
	p := &portable{client: c, connection: connection, w: w, control: control, cutoff: newCutoff(control), made: make(view.Signal, 1)}
	reason = p.run(r.Context())
}

// finish ends the life of a client that was served.
func (c *Client) finish(reason EndReason) {
	c.engine.stats.end(reason)
	c.engine.opts.Logger.Info("stream closed", "client", c.id, "address", c.address, "streams", c.streams.all(), "resumed", c.resumed,
		"reason", reason, "seconds", float64((time.Since(c.engine.begin)-c.opened).Milliseconds())/1000, "documents", c.documents, "bytes", c.bytes)
	c.Close()
}

// has notes which documents a client has that resumes after an ID: their parts are not
// sent again until they change.
func (c *Client) has(id hub.ID, fresh []string) {
	if !c.encoder.KeepsParts() {
		return
	}
	streams := c.streams.all()
	for _, stream := range streams {
		at, err := c.engine.opts.Hub.At(stream, id)
		if err != nil || at == nil || slices.Contains(fresh, stream) {
			continue
		}
		if len(streams) > 1 && c.subscription.Conflates() {
			// A document before a newer one may have been left out for the client.
			if newest, err := c.engine.opts.Hub.Latest(stream); err != nil || newest != at {
				continue
			}
		}
		c.encoder.Has(at)
	}
}

// follow makes s the subscription of the client.
func (c *Client) follow(s *hub.Subscription) {
	c.subscription, c.replayed = s, false
	c.backlog.set(s.Replay())
}

// pause gives the events in the channel back to history if they have more bytes, while
// the client cannot take them.
func (c *Client) pause(atMost int) {
	open := c.subscription.Err() == nil
	if c.subscription.Pause(atMost) && open {
		c.paused = true
	}
}

// mayResubscribe reports whether the client gets more now, if its subscription ended
// only because there is more.
func (c *Client) mayResubscribe() bool {
	return c.engine.holdings.hasRoom(c.pace) || !errors.Is(c.subscription.Err(), hub.ErrSlow)
}

// resubscribe resumes a subscription that has ended. It returns why the stream has to
// end, or "" if it goes on.
func (c *Client) resubscribe() EndReason {
	err := c.subscription.Err()
	if errors.Is(err, hub.ErrSlow) || errors.Is(err, hub.ErrGap) {
		slow := errors.Is(err, hub.ErrSlow)
		continues := c.subscription.Position().IsZero() // with the next portion of a replay
		var subscription *hub.Subscription
		if subscription, err = c.subscription.Resume(); err == nil {
			c.follow(subscription)
			fits := c.paused && c.hadRoom()
			c.paused = false
			switch {
			case fits && c.backlog.len() == 0:
				return "" // it has missed nothing
			case slow && !continues && !fits:
				c.engine.stats.resubscribed.Add(1)
			}
			c.settled = false // the position is announced again after what the client missed
			return ""
		}
	}
	if errors.Is(err, hub.ErrUnknownStream) {
		return ReasonRemoved
	}
	return ReasonHub
}

// hadRoom reports whether the channel would have had room for what came since the
// subscription ended: the whole replay is no more than that, and nothing was lost.
func (c *Client) hadRoom() bool {
	lost := func(e *hub.Event) bool { return e.Kind() == hub.KindReset }
	return !c.subscription.Position().IsZero() &&
		c.backlog.len() <= cap(c.subscription.Events()) && !slices.ContainsFunc(c.backlog.all(), lost)
}

// preface returns the beginning of the stream. A script cannot read the retry field. If it
// receives heartbeats, the first one has the retry time.
func (c *Client) preface() *wire.Fragment {
	retry := c.engine.between(MinRetry, MaxRetry).Truncate(time.Millisecond)
	lines := c.encoder.Lines()
	var text []byte
	if !lines {
		text = appendPreface(nil, retry, "pollux")
	}
	if lines || c.heartbeatEvent {
		var n note
		n.heartbeat(lines, "", func() { n.times(c.engine.opts.Hub, c.streams.all(), retry) })
		text = append(text, n.Text()...)
	}
	return c.encoder.Begin(text)
}

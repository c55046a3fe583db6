package fanout

import (
	"errors"
	"math"
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

// Request is what a client asked for.
type Request struct {
	// Streams are the names of the streams, without repetition. None means
	// hub.DefaultStream. With several names, each document bears the name of its stream.
	Streams []string

	// LastEventID is the event after which to resume. Zero means to begin with the newest
	// document. A client that resumes may name streams that were removed meanwhile, as
	// long as one of the streams exists. It gets a status for each removed stream.
	LastEventID hub.LastEventID

	// Since begins with the documents that history keeps from then on, see
	// hub.SubscribeOptions. The zero time means to begin with the newest document.
	Since time.Time

	// Replay is what the client gets of documents that it missed, or that it is too slow
	// for. hub.ReplayDefault is what each stream says.
	Replay hub.Replay

	// Fresh names those of Streams of which the client has nothing yet although it
	// resumes, see hub.SubscribeOptions.
	Fresh []string

	// View is the form in which the client gets documents.
	View view.View

	// Address is the address of the client, as far as it is known. The clients of one
	// address may use a quarter of Options.MaxViews. Clients with the zero Addr count as one
	// address; the log has the other end of their connections.
	Address netip.Addr

	// Limit ends the stream after this number of documents. 0 means no limit.
	Limit int

	// HeartbeatEvent makes heartbeats events named "hb", which scripts can receive,
	// instead of comments. The first one comes at once and has the retry time in
	// milliseconds, because scripts cannot read the retry field.
	HeartbeatEvent bool

	// Gzip compresses the stream. The caller also sets Content-Encoding.
	Gzip bool
}

// names returns the names of the streams.
func (r Request) names() []string {
	if len(r.Streams) == 0 {
		return defaultStreams
	}
	return r.Streams
}

var defaultStreams = []string{hub.DefaultStream}

// EndReason says why a stream ended. It is a label of metrics and logs.
type EndReason string

// The reasons for which streams end.
const (
	ReasonGone  EndReason = "gone"  // the client left
	ReasonSlow  EndReason = "slow"  // the client stalled
	ReasonLimit EndReason = "limit" // the client has all documents that it asked for
	ReasonAge   EndReason = "age"   // the stream reached its maximum age
	ReasonDrain EndReason = "drain" // the engine drains
	ReasonHub   EndReason = "hub"   // the hub ended, or could not resume the subscription
	ReasonError EndReason = "error" // the connection cannot carry a stream

	ReasonRemoved EndReason = "removed" // every stream of the client was removed
)

// Client is one open stream. After Open it belongs to the handler, then to its writer.
type Client struct {
	id      uuid.UUID
	address netip.Addr
	engine  *Engine
	opened  time.Duration // after the engine began

	streams []string
	limit   int
	encoder view.Encoder

	subscription   *hub.Subscription
	backlog        []*hub.Event // events to write before those in the channel
	written        hub.ID       // the position of the client; zero before its first event
	announced      uint64       // sequence number of the last ID that the client got, or noID
	documents      int          // documents written
	bytes          uint64       // bytes of the answer written
	heartbeatEvent bool         // heartbeats are events
	resumed        bool         // the client sent a Last-Event-ID
	replayed       bool         // the client got the replay of its subscription
	settled        bool         // the client got its replay, and its position after that
	left           atomic.Bool  // the engine does not count the client any more

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
		c.engine.admission.leave()
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
	c.engine.opts.Logger.Debug("stream opened", "client", c.id, "address", c.address, "streams", c.streams, "resumed", c.resumed)
	if c.engine.handOver(c, w) {
		return
	}
	reason := ReasonError // if run panics
	defer func() { c.finish(reason) }()
	connection := connectionOf(r.Context())
	connection.hold()
	defer connection.release()
	p := &portable{client: c, connection: connection, w: w, control: http.NewResponseController(w), made: make(view.Signal, 1)}
	reason = p.run(r.Context())
}

// finish ends the life of a client that was served.
func (c *Client) finish(reason EndReason) {
	c.engine.stats.end(reason)
	c.engine.opts.Logger.Info("stream closed", "client", c.id, "address", c.address, "streams", c.streams, "resumed", c.resumed,
		"reason", reason, "seconds", float64((time.Since(c.engine.begin)-c.opened).Milliseconds())/1000, "documents", c.documents, "bytes", c.bytes)
	c.Close()
}

// has notes which documents a client has that resumes after an ID: their parts are not
// sent again until they change.
func (c *Client) has(id hub.ID, fresh []string) {
	if !c.encoder.KeepsParts() {
		return
	}
	for _, stream := range c.streams {
		at, err := c.engine.opts.Hub.At(stream, id)
		if err != nil || at == nil || slices.Contains(fresh, stream) {
			continue
		}
		if len(c.streams) > 1 && c.subscription.Conflates() {
			// A document before a newer one may have been left out for the client.
			if newest, err := c.engine.opts.Hub.Latest(stream); err != nil || newest != at {
				continue
			}
		}
		c.encoder.Has(at)
	}
}

// peer returns the address of the other end of a request's connection.
func peer(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // not of an IP network
	}
	return address.Addr().Unmap()
}

// progress is the result of gather.
type progress uint8

const (
	drained   progress = iota // nothing more is ready
	more                      // the portion is full, and there may be more
	satisfied                 // the client has all documents that it asked for
	broken                    // the subscription has ended
	waiting                   // the next event is not made yet
)

// The bounds of one portion, unless a single event is larger. They bound what a client
// has to take in one write timeout.
const (
	portionBytes  = 64 << 10
	portionEvents = 64

	// A document that is encoded is sent, even if a newer one exists by then. So less is
	// encoded ahead for a client that gets the newest document where it is slow.
	conflatingBytes = 16 << 10
)

// gather appends what is ready to bufs, as chunks or as it is: first the events of the
// backlog, then those in the channel. If the next one is not made yet, w is told when it
// is, unless w is nil.
func (c *Client) gather(bufs [][]byte, chunked bool, w view.Waiter) ([][]byte, progress) {
	events := 0
	bufs, state := c.collect(bufs, chunked, w, &events)
	if events > 0 {
		c.engine.stats.deliveries.Add(uint64(events))
	}
	if state == drained && !c.settled {
		c.settled = true
		bufs = c.settle(bufs, chunked)
	}
	return bufs, state
}

// settle appends the position of the client, if no event had it as ID. A script does not
// receive a block that is only an ID, and cannot see where the replay ends: it gets a
// heartbeat.
func (c *Client) settle(bufs [][]byte, chunked bool) [][]byte {
	if c.heartbeatEvent && !c.encoder.Lines() {
		return append(bufs, c.heartbeat().As(chunked))
	}
	if at := c.announce(); !at.IsZero() {
		bufs = append(bufs, c.position(at).As(chunked))
	}
	return bufs
}

// complete appends what completes the stream: the position of the client, if it does not
// know it, so that it does not return to one that history has dropped by then, and the
// end of the gzip member.
func (c *Client) complete(bufs [][]byte, chunked bool) [][]byte {
	if at := c.announce(); !at.IsZero() {
		bufs = append(bufs, c.position(at).As(chunked))
	}
	if trailer := c.encoder.End(); trailer != nil {
		bufs = append(bufs, trailer.As(chunked))
	}
	return bufs
}

func (c *Client) collect(bufs [][]byte, chunked bool, w view.Waiter, events *int) ([][]byte, progress) {
	if c.satisfied() {
		return bufs, satisfied
	}
	c.catchUp()
	size, limit := 0, portionBytes
	if c.subscription.Conflates() {
		limit = conflatingBytes
	}
	for range portionEvents {
		if size >= limit {
			return bufs, more
		}
		e, state := c.next()
		if e == nil {
			return bufs, state
		}
		head, form, ok := c.take(e, chunked, w)
		if !ok {
			return bufs, waiting
		}
		if !c.encoder.Whole() {
			size += len(e.Data()) // the work that it was, however small the result
		}
		if form == nil {
			continue // no part that the client wants has changed
		}
		if head != nil {
			bufs = append(bufs, head)
		}
		bufs, size = append(bufs, form), size+len(head)+len(form)
		*events++
		if c.satisfied() {
			return bufs, satisfied
		}
	}
	return bufs, more
}

// next returns the next event. Without one, progress says why. An event of the backlog stays there
// until take has handled it. An event from the channel has left the channel: take puts it
// into the backlog if it is not encoded yet.
func (c *Client) next() (*hub.Event, progress) {
	if len(c.backlog) > 0 {
		return c.backlog[0], drained
	}
	c.backlog = nil
	if !c.replayed {
		c.replayed = true
		if at := c.subscription.Position(); !at.IsZero() && !c.isBefore(at) {
			c.written = at
		}
	}
	select {
	case e, ok := <-c.subscription.Events():
		if !ok {
			return nil, broken
		}
		return e, drained
	default:
		return nil, drained
	}
}

// isBefore reports whether a position is one that the client has left behind. The backlog
// may have held events from the channel too, see catchUp.
func (c *Client) isBefore(at hub.ID) bool {
	return at.Epoch() == c.written.Epoch() && at.Seq() < c.written.Seq()
}

func (c *Client) satisfied() bool { return c.limit > 0 && c.documents >= c.limit }

// take returns what the client gets of the event that next returned, and moves the
// position of the client to it. If the event is not encoded yet, take reports false and
// changes nothing, except that the event is now the first of the backlog: the following
// next returns it again.
func (c *Client) take(e *hub.Event, chunked bool, w view.Waiter) (head, form []byte, ok bool) {
	head, form, ok = c.encoder.Event(e, chunked, w)
	switch {
	case !ok && len(c.backlog) == 0:
		c.backlog = []*hub.Event{e}
		return nil, nil, false
	case !ok:
		return nil, nil, false
	case len(c.backlog) > 0:
		c.backlog = c.backlog[1:]
	}
	switch id := e.ID(); {
	case e.Kind() == hub.KindReset && e.Stream() != "":
		// It concerns one stream, and the position stays.
	case e.Kind() == hub.KindReset:
		c.written, c.announced = hub.ID{}, noID
	case id.IsZero(): // the stream was removed; a later one of that name is another stream
		c.streams = slices.DeleteFunc(slices.Clone(c.streams), func(name string) bool { return name == e.Stream() })
	case id.Epoch() != c.written.Epoch() || id.Seq() > c.written.Seq():
		c.written = id // a status at the beginning may be older
	}
	if e.Kind() == hub.KindData && form != nil {
		c.documents++
		c.announced = e.ID().Seq()
	}
	return head, form, true
}

// noID is Client.announced of a client that got no ID.
const noID = math.MaxUint64

// announce returns the position of the client if the client does not know it, and notes
// that it does now. Otherwise it returns the zero ID. Within a backlog there is no
// position: the client may have a later event of one stream, and still lack an earlier
// one of another.
func (c *Client) announce() hub.ID {
	if len(c.backlog) > 0 || c.subscription.Position().IsZero() {
		return hub.ID{}
	}
	if c.written.IsZero() {
		c.written = c.subscription.Position() // the hub did not know it when the client came
	}
	if c.written.Seq() == c.announced {
		return hub.ID{}
	}
	c.announced = c.written.Seq()
	return c.written
}

// follow makes s the subscription of the client.
func (c *Client) follow(s *hub.Subscription) {
	c.subscription, c.backlog, c.replayed = s, s.Replay(), false
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
			switch {
			case slow && !continues && len(c.backlog) == 0:
				return "" // it was paused, and has missed nothing
			case slow && !continues:
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
		n.heartbeat(lines, "", func() { n.times(c.engine.opts.Hub, c.streams, retry) })
		text = append(text, n.Text()...)
	}
	return c.encoder.Begin(text)
}

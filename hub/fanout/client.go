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
	// hub.DefaultStream. With more than one, documents are named by their
	// stream.
	Streams []string

	// LastEventID is where to resume, as the client sent it, unchecked. Empty
	// means: begin with the newest document. Who resumes may name streams that
	// were removed meanwhile, as long as one is there, and is told so.
	LastEventID hub.LastEventID

	// Since begins with what history keeps from then on, see
	// hub.SubscribeOptions. The zero time means: with the newest document.
	Since time.Time

	// View is the shape of what the client gets.
	View view.View

	// Address is where the client is, as far as it is known: clients of one
	// address have a share of what all share. Those of the zero Addr count as one
	// address. The log tells it; of the zero Addr, the other end of the connection.
	Address netip.Addr

	// Limit ends the stream after so many documents. 0 means no limit.
	Limit int

	// HeartbeatEvent makes heartbeats events named "hb", which scripts can
	// hear, instead of comments. The first one comes at once and tells the retry
	// time in milliseconds, which scripts cannot read either.
	HeartbeatEvent bool

	// Gzip compresses the stream. Whoever sets it sets Content-Encoding too.
	Gzip bool
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

	ReasonRemoved Reason = "removed" // there is no such stream any more
)

// Client is one open stream. After Open it belongs to the handler, then to
// whoever writes to it.
type Client struct {
	id      uuid.UUID
	address netip.Addr
	engine  *Engine
	opened  time.Duration // after the engine began

	streams []string
	limit   int
	encoder view.Encoder

	subscription   *hub.Subscription
	backlog        []*hub.Event // what to write before anything from the channel
	written        hub.ID       // how far the client is; zero before its first event
	told           uint64       // number of the last ID that the client was told; nothing if none
	documents      int          // documents written
	bytes          uint64       // bytes of the answer written
	heartbeatEvent bool         // heartbeats are events
	resumed        bool         // the client came with a Last-Event-ID
	replayed       bool         // the client has the replay of its subscription
	settled        bool         // the client has had its replay, and knows where it stands
	left           atomic.Bool  // the engine does not count the client any more

	handover // what the writers of handed over connections need
}

// Close ends a client that is not going to be served. After Serve, or a second
// time, it does nothing.
func (c *Client) Close() {
	if c.left.CompareAndSwap(false, true) {
		c.subscription.Close()
		c.encoder.Close()
		c.engine.admission.leave()
	}
}

// Serve writes the answer: status, the headers that are set on w, and the
// stream. It returns when the stream has ended, or when the connection was
// handed over to the engine's writers, who go on without the handler. w must be
// the server's own ResponseWriter for r, or one that
// [http.ResponseController] can unwrap; after Serve it is of no use.
//
// Errors of single writes end the stream; so does a ResponseWriter that cannot
// flush or has no write deadlines. A connection that is fit for another request
// is left with a write deadline, which whoever answers that has to set anew.
func (c *Client) Serve(w http.ResponseWriter, r *http.Request) {
	c.opened = time.Since(c.engine.begin)
	c.engine.opts.Logger.Debug("stream opened", "client", c.id, "address", c.address, "streams", c.names(), "resumed", c.resumed)
	if c.engine.handOver(c, w) {
		return
	}
	reason := ReasonError // unless run returns another, which it does if it does not panic
	defer func() { c.finish(reason) }()
	connection := connectionOf(r.Context())
	connection.hold()
	defer connection.release()
	p := &portable{client: c, connection: connection, w: w, control: http.NewResponseController(w), made: make(view.Signal, 1)}
	reason = p.run(r.Context())
}

// finish is the last thing that happens to a client that was served.
func (c *Client) finish(reason Reason) {
	c.engine.stats.end(reason)
	c.engine.opts.Logger.Info("stream closed", "client", c.id, "address", c.address, "streams", c.names(), "resumed", c.resumed,
		"reason", reason, "seconds", float64((time.Since(c.engine.begin)-c.opened).Milliseconds())/1000, "documents", c.documents, "bytes", c.bytes)
	c.Close()
}

// names returns the streams of the client by name.
func (c *Client) names() []string {
	if len(c.streams) == 0 {
		return []string{hub.DefaultStream}
	}
	return c.streams
}

// peer returns the address of the other end of a request's connection.
func peer(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // not of an IP network
	}
	return address.Addr().Unmap()
}

// progress says what gather came to.
type progress uint8

const (
	drained   progress = iota // nothing more is ready
	more                      // the portion is full, there may be more
	satisfied                 // the client has all the documents it asked for
	broken                    // the subscription has ended
	waiting                   // what comes next has yet to be made
)

// What one portion holds at most, unless a single event is larger. It bounds
// what a client has to take within one write timeout.
const (
	portionBytes  = 64 << 10
	portionEvents = 64
)

// gather appends the forms of what is ready to bufs, as chunks or as bare
// bodies: of the backlog first, then of what waits in the channel. If that has to be
// made first, w is told when it is, unless it is nil.
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

// settle tells where the client stands, if it was not told by an event. A script can
// hear no bare ID, and cannot know by itself where the replay ends and what is new
// begins: it gets a heartbeat.
func (c *Client) settle(bufs [][]byte, chunked bool) [][]byte {
	if c.heartbeatEvent && !c.encoder.Lines() {
		return append(bufs, c.heartbeat().As(chunked))
	}
	if at := c.tell(); !at.IsZero() {
		bufs = append(bufs, c.position(at).As(chunked))
	}
	return bufs
}

// farewell appends what makes the stream whole: where the client stands, if it was
// not told that, so that it does not come back to what history has dropped by then;
// and the end of a gzip member.
func (c *Client) farewell(bufs [][]byte, chunked bool) [][]byte {
	if at := c.tell(); !at.IsZero() {
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
	size := 0
	for range portionEvents {
		if size >= portionBytes {
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
			size += len(e.Data()) // what it cost, of whatever size it became
		}
		if form == nil {
			continue // nothing of what the client wants has changed
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

// next returns the event that comes next, which becomes part of the backlog until it
// is taken, or why there is none.
func (c *Client) next() (*hub.Event, progress) {
	if len(c.backlog) > 0 {
		return c.backlog[0], drained
	}
	c.backlog = nil
	if !c.replayed {
		c.replayed = true
		if at := c.subscription.Position(); !at.IsZero() {
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

func (c *Client) satisfied() bool { return c.limit > 0 && c.documents >= c.limit }

// take returns what the client gets of the event that comes next, or reports false
// and leaves it in the backlog.
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
	case e.Kind() == hub.KindReset:
		c.written, c.told = hub.ID{}, nothing
	case id.IsZero(): // a stream was removed; should it come back, it is another one
		c.streams = slices.DeleteFunc(slices.Clone(c.streams), func(name string) bool { return name == e.Stream() })
	case id.Epoch() != c.written.Epoch() || id.Seq() > c.written.Seq():
		c.written = id // but for a status, told when joining, that is older
	}
	if e.Kind() == hub.KindData && form != nil {
		c.documents++
		c.told = e.ID().Seq()
	}
	return head, form, true
}

// nothing is Client.told of who was not told any ID.
const nothing = math.MaxUint64

// tell returns where the client stands if it was not told that, and notes that it is
// told now; else the zero ID. Amid a backlog it stands nowhere that could be told: of
// one stream it has what is behind something that it lacks of another.
func (c *Client) tell() hub.ID {
	if len(c.backlog) > 0 || c.subscription.Position().IsZero() {
		return hub.ID{}
	}
	if c.written.IsZero() {
		c.written = c.subscription.Position() // the hub did not know it when the client came
	}
	if c.written.Seq() == c.told {
		return hub.ID{}
	}
	c.told = c.written.Seq()
	return c.written
}

// follow has the client take what comes of a subscription.
func (c *Client) follow(s *hub.Subscription) {
	c.subscription, c.backlog, c.replayed = s, s.Replay(), false
}

// resubscribe follows the end of the subscription. It returns why the stream
// cannot go on, or "" if it does.
func (c *Client) resubscribe() Reason {
	err := c.subscription.Err()
	if errors.Is(err, hub.ErrSlow) || errors.Is(err, hub.ErrGap) {
		// A replay that goes on is no client that was slow.
		slow := errors.Is(err, hub.ErrSlow) && !c.subscription.Position().IsZero()
		var subscription *hub.Subscription
		if subscription, err = c.subscription.Resume(); err == nil {
			if slow {
				c.engine.stats.resubscribed.Add(1)
			}
			c.follow(subscription)
			c.settled = false // behind what it missed it is told again
			return ""
		}
	}
	if errors.Is(err, hub.ErrUnknownStream) {
		return ReasonRemoved
	}
	return ReasonHub
}

// preface returns what every stream begins with. A script, which cannot read a
// retry field, hears of it in a first heartbeat if it can hear those.
func (c *Client) preface() *wire.Fragment {
	retry := c.engine.between(2*time.Second, 5*time.Second).Truncate(time.Millisecond)
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

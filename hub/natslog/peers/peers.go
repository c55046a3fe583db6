package peers

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/polluxhub/pollux/hub"
)

const (
	// pending bounds the messages that wait for Run, and the changes.
	pending = 4096

	// pollTimeout bounds how long PollNow waits for an answer.
	pollTimeout = 2 * time.Second

	// connectEvery is how often a connection is tried.
	connectEvery = time.Second
)

// ErrNobody is returned by PollNow when no node answers that polls the stream.
var ErrNobody = errors.New("peers: no other node polls the stream")

// Options configure Peers. New copies them. The functions are called from the goroutine of
// Run.
type Options struct {
	// Conn returns the connection to NATS, or an error if there is no connection now. Required.
	Conn func(ctx context.Context) (*nats.Conn, error)

	// Name begins the subjects. It must be that of no stream of JetStream. Required.
	Name string

	// Node is the name of this node for people.
	Node string

	// Lag returns how many positions of the log were given out and not read here. It must be
	// safe for concurrent use, and not wait. Nil means none.
	Lag func() uint64

	// Logger gets the log. Nil means slog.Default.
	Logger *slog.Logger
}

// Handler is told what other nodes want. It must not wait.
type Handler interface {
	// Heed is told what has changed in what the clients of all other nodes listen to.
	Heed(change hub.Wants)

	// PollNow has a stream polled that this node polls, and returns when that is due; false
	// if another node polls it.
	PollNow(stream string) (time.Time, bool)

	// Changed returns a channel that holds a value if Take has something to return.
	Changed() <-chan struct{}

	// Take returns what has changed in what the clients of this node listen to of streams
	// that other nodes poll.
	Take() hub.Wants

	// Settings returns how the streams of this node are configured, to be compared with those
	// of other nodes: by stream, KEY=HASH separated by spaces, where the hash * is that of a
	// value that is not compared. Nobody changes the map. The digest is another one for other
	// settings, and the same on each node that has the same ones.
	Settings() (digest string, streams map[string]string)
}

// Peers are the other nodes that share the log.
type Peers struct {
	opts      Options
	own       own
	ledger    ledger
	dropped   atomic.Uint64
	presences presences

	comparison  comparison
	answered    time.Time // when others were told the settings of this node
	differences atomic.Pointer[[]Difference]
}

// New returns the other nodes. It starts nothing: see [Peers.Run].
func New(opts Options) (*Peers, error) {
	if opts.Conn == nil || opts.Name == "" {
		return nil, errors.New("peers: no Conn or no Name")
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Lag == nil {
		opts.Lag = func() uint64 { return 0 }
	}
	return &Peers{
		opts: opts, own: own{session: rand.Text(), wants: map[string]bool{}}, ledger: ledger{nodes: map[string]*account{}},
		presences: presences{seen: map[string]sighting{}}, comparison: newComparison(opts.Node),
	}, nil
}

// Dropped returns how many names other nodes wanted beyond MaxNames.
func (p *Peers) Dropped() uint64 { return p.dropped.Load() }

func (p *Peers) subject(of string) string { return p.opts.Name + "." + of }

// Run tells other nodes what the handler says, and the handler what they say, until ctx ends.
// It returns nil. It is called once.
func (p *Peers) Run(ctx context.Context, handler Handler) error {
	for ctx.Err() == nil {
		if err := p.talk(ctx, handler); ctx.Err() == nil {
			p.opts.Logger.Debug("other nodes are not heard", "error", err)
			sleep(ctx, connectEvery)
		}
	}
	return nil
}

// talk is Run until ctx ends or there is no connection.
func (p *Peers) talk(ctx context.Context, handler Handler) error {
	conn, err := p.opts.Conn(ctx)
	if err != nil {
		return err
	}
	inbox := make(chan *nats.Msg, pending)
	for _, subject := range []string{"demand", "again", "poll", "here", "settings", "settings.ask"} {
		subscription, err := conn.ChanSubscribe(p.subject(subject), inbox)
		if err != nil {
			return err
		}
		defer func() { _ = subscription.Unsubscribe() }() // which fails only without a connection
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	p.comparison.use(handler.Settings())
	p.tell(conn, "here", p.here())
	for {
		select {
		case msg := <-inbox:
			p.receive(conn, msg, handler)
		case <-handler.Changed():
			p.send(conn, p.own.tell(handler.Take())...)
		case <-beat.C:
			if conn.IsClosed() {
				return nats.ErrConnectionClosed
			}
			p.send(conn, p.own.beat())
			p.comparison.use(handler.Settings())
			p.tell(conn, "here", p.here())
			now := time.Now()
			p.presences.forget(now)
			p.compare(now)
			if change := p.ledger.forget(now); len(change.Unwant) > 0 {
				handler.Heed(change)
			}
		case <-ctx.Done():
			p.tell(conn, "here", here{Session: p.own.session, Gone: true})
			p.send(conn, told{Session: p.own.session, Number: p.own.number, All: true, Last: true}) // nothing any more
			return ctx.Err()
		}
	}
}

// send tells the other nodes what this node wants. They notice a lost message by the gap in the
// numbers of messages.
func (p *Peers) send(conn *nats.Conn, list ...told) {
	for _, m := range list {
		if !p.tell(conn, "demand", m) {
			return
		}
	}
}

// tell publishes a message, and reports whether that has succeeded.
func (p *Peers) tell(conn *nats.Conn, subject string, m any) bool {
	err := conn.Publish(p.subject(subject), encode(m))
	if err != nil {
		p.opts.Logger.Debug("other nodes are not told", "error", err)
	}
	return err == nil
}

// here returns what this node tells of itself.
func (p *Peers) here() here {
	return here{Session: p.own.session, Node: p.opts.Node, Lag: p.opts.Lag(), Settings: p.comparison.digest}
}

// receive handles a message.
func (p *Peers) receive(conn *nats.Conn, msg *nats.Msg, handler Handler) {
	switch msg.Subject {
	case p.subject("demand"):
		m, ok := decode[told](msg.Data)
		if !ok || m.Session == "" || m.Session == p.own.session {
			return
		}
		change, ask := p.ledger.hear(m, time.Now())
		p.dropped.Store(p.ledger.dropped)
		if !change.IsEmpty() {
			handler.Heed(change)
		}
		if ask {
			_ = conn.Publish(p.subject("again"), encode(again{m.Session})) // else with the next beat
		}
	case p.subject("again"):
		if m, ok := decode[again](msg.Data); ok && m.Session == p.own.session {
			p.send(conn, p.own.all()...)
		}
	case p.subject("here"):
		m, ok := decode[here](msg.Data)
		if !ok || m.Session == "" || m.Session == p.own.session {
			return
		}
		now := time.Now()
		p.presences.hear(m, now)
		if p.comparison.hear(m, now) {
			p.tell(conn, "settings.ask", askedSettings{m.Session})
		}
	case p.subject("settings.ask"):
		if m, ok := decode[askedSettings](msg.Data); ok && m.Session == p.own.session {
			p.tellSettings(conn)
		}
	case p.subject("settings"):
		if m, ok := decode[settings](msg.Data); ok && m.Session != p.own.session {
			p.comparison.fill(m)
		}
	case p.subject("poll"):
		m, ok := decode[poll](msg.Data)
		if !ok || msg.Reply == "" {
			return
		}
		if at, polls := handler.PollNow(m.Stream); polls {
			_ = msg.Respond(encode(polled{max(0, time.Until(at).Milliseconds())})) // else the caller waits for nothing
		}
	}
}

// PollNow has the node that polls a stream, or the stream of a key, poll it now, and returns
// when that is due. It may be called from any goroutine. Errors: ErrNobody, that of ctx, or
// of the connection.
func (p *Peers) PollNow(ctx context.Context, stream string) (time.Time, error) {
	ctx, enough := context.WithTimeout(ctx, pollTimeout)
	defer enough()
	conn, err := p.opts.Conn(ctx)
	if err != nil {
		return time.Time{}, err
	}
	answer, err := conn.RequestWithContext(ctx, p.subject("poll"), encode(poll{stream}))
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, context.DeadlineExceeded):
		return time.Time{}, ErrNobody
	case err != nil:
		return time.Time{}, err
	}
	m, ok := decode[polled](answer.Data)
	if !ok {
		return time.Time{}, ErrNobody
	}
	return m.at(time.Now()), nil
}

func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

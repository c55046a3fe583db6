package poller_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

const every = 10 * time.Second

// call is one fetch as the fake source saw it.
type call struct {
	n     int           // from 0
	at    time.Duration // since the source was made
	since poller.Version
}

// source answers by a function, and records its calls.
type source struct {
	answer   func(ctx context.Context, c call) (poller.Reading, error)
	start    time.Time
	inFlight atomic.Int32
	overlap  atomic.Bool
	closed   atomic.Int32
	stats    poller.SourceStats

	mu    sync.Mutex
	calls []call
}

func newSource(answer func(ctx context.Context, c call) (poller.Reading, error)) *source {
	return &source{answer: answer, start: time.Now()}
}

func (s *source) Fetch(ctx context.Context, since poller.Version) (poller.Reading, error) {
	if s.inFlight.Add(1) > 1 {
		s.overlap.Store(true)
	}
	defer s.inFlight.Add(-1)
	s.mu.Lock()
	c := call{n: len(s.calls), at: time.Since(s.start), since: since}
	s.calls = append(s.calls, c)
	s.mu.Unlock()
	return s.answer(ctx, c)
}

// Close records that the source is closed, and whether a fetch was in progress.
func (s *source) Close() error {
	if s.inFlight.Load() > 0 {
		s.overlap.Store(true)
	}
	s.closed.Add(1)
	return nil
}

func (s *source) Stats() poller.SourceStats { return s.stats }

// asked returns when fetches began.
func (s *source) asked() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	times := make([]time.Duration, len(s.calls))
	for i, c := range s.calls {
		times[i] = c.at
	}
	return times
}

// versions returns the versions that the source was given.
func (s *source) versions() []poller.Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions := make([]poller.Version, len(s.calls))
	for i, c := range s.calls {
		versions[i] = c.since
	}
	return versions
}

func reading(document string) poller.Reading { return poller.Reading{Document: []byte(document)} }

var errBoom = errors.New("boom")

// message is one message as the fake publisher saw it, in comparable form: times are
// since the publisher was made, and -1 means none.
type message struct {
	At          time.Duration
	Data        string
	State       hub.State
	Since       time.Duration
	LastSuccess time.Duration
	Error       string
}

func data(at time.Duration, document string) message { return message{At: at, Data: document} }

func status(at time.Duration, state hub.State, since, lastSuccess time.Duration, class string) message {
	return message{At: at, State: state, Since: since, LastSuccess: lastSuccess, Error: class}
}

// publisher records what is published, unless refuse returns an error.
type publisher struct {
	refuse   func(ctx context.Context, m hub.Message) error
	audience *audience // nil: no clients, ever
	start    time.Time

	mu       sync.Mutex
	tried    int
	messages []message
}

func newPublisher() *publisher { return &publisher{start: time.Now()} }

func (p *publisher) Publish(ctx context.Context, m hub.Message) (hub.ID, error) {
	p.mu.Lock()
	p.tried++
	p.mu.Unlock()
	if err := m.Check(); err != nil {
		return hub.ID{}, err
	}
	if p.refuse != nil {
		if err := p.refuse(ctx, m); err != nil {
			return hub.ID{}, err
		}
	}
	noted := message{At: time.Since(p.start), Data: string(m.Data)}
	if m.Status != nil {
		noted.State, noted.Error = m.Status.State, m.Status.Error
		noted.Since, noted.LastSuccess = p.offset(m.Status.Since), p.offset(m.Status.LastSuccess)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = append(p.messages, noted)
	return hub.ID{}, nil
}

func (p *publisher) Demand(string) (hub.Demand, error) {
	if p.audience == nil {
		return newAudience(false), nil
	}
	return p.audience, nil
}

func (*publisher) PublishAll(context.Context, []hub.Message) ([]hub.ID, error) { return nil, nil }

func (*publisher) Keys(string) (hub.KeyDemand, error) { return nil, hub.ErrUnknownStream }

// onDemand makes the stream poll on demand for these clients.
func onDemand(o *poller.Options, a *audience) {
	o.Publisher.(*publisher).audience, o.Streams[0].OnDemand = a, true
}

func (p *publisher) offset(at time.Time) time.Duration {
	if at.IsZero() {
		return -1
	}
	return at.Sub(p.start)
}

func (p *publisher) published() []message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]message(nil), p.messages...)
}

// start runs a poller with one stream, without jitter, until the test ends or
// stop is called.
func start(t *testing.T, p *publisher, s poller.Source, options ...func(*poller.Options)) (polling *poller.Poller, stop func()) {
	t.Helper()
	opts := poller.Options{
		Publisher: p,
		Streams:   []poller.Stream{{Source: s, Every: every}},
		Logger:    slog.New(slog.DiscardHandler),
		Rand:      func() float64 { return 0 },
	}
	for _, option := range options {
		option(&opts)
	}
	polling, err := poller.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- polling.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return polling, stop
}

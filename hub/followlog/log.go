package followlog

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/followlog/line"
)

const (
	// Silence is how long an origin may send nothing. It sends a heartbeat each second.
	Silence = 5 * time.Second

	// Grace is how long there may be no connection before Options.Lost is called.
	Grace = 3 * time.Second

	// The bounds of the wait between two attempts to connect.
	minWait = 500 * time.Millisecond
	maxWait = 10 * time.Second

	// maxLineOverhead is what a line may have beside its document, in bytes.
	maxLineOverhead = 8 << 20
)

// Options configure a Log. Origins is required.
type Options struct {
	// Origins are the URLs of those to read from, such as https://live.example.com, in the
	// order in which they are tried.
	Origins []string

	// Client sends the requests. It must have no Timeout. Nil means http.DefaultClient.
	Client *http.Client

	// Token returns the bearer token for the origin, "" for none. It is asked for each
	// request. Nil means none.
	Token func() (string, error)

	// Node is the name of this process, by which loops are found.
	Node string

	// MaxDocument bounds a document, in bytes. 0 means hub.DefaultMaxData.
	MaxDocument int

	// Streams is told the streams of the origin, before any of them begins, and when they
	// change. Nil does nothing.
	Streams func(list []line.Stream)

	// Lost is called with true when there was no origin for Grace, and with false when
	// there is one again and everything that it had was read. Nil does nothing.
	Lost func(lost bool)

	// Clock is told by how much the clock of the node that polls is ahead of that of this
	// process, when that changes. Nil does nothing.
	Clock func(offset time.Duration)

	// Random returns numbers in [0, 1). Nil means that of math/rand.
	Random func() float64

	// Logger gets what happens to connections. Nil means slog.Default.
	Logger *slog.Logger
}

// Log is the log of another Pollux. Its methods are safe for concurrent use.
type Log struct {
	opts    Options
	origins []*url.URL
	changed chan struct{} // of capacity 1: Run has to look at the demand

	mu        sync.Mutex
	at        int             // the origin that is read, or was read last
	session   string          // there; "" without a connection
	cut       func()          // ends that connection
	path      []string        // from the origin upwards
	wanted    map[string]bool // what is wanted
	told      map[string]bool // what the connection was told to be wanted
	refused   map[string]int  // of what is wanted, how often in a row the origin has refused it
	tails     map[*tail]struct{}
	upstreams map[string]hub.Upstream
	reasons   map[int]string // why an origin is not followed, in words for operators; since there was one

	lost       atomic.Bool
	head, read atomic.Uint64
	connects   atomic.Uint64
	broken     atomic.Uint64
}

var _ hub.Log = (*Log)(nil)

// New returns a Log. It starts nothing. The errors are mistakes in the options.
func New(opts Options) (*Log, error) {
	if len(opts.Origins) == 0 {
		return nil, errors.New("followlog: no origin")
	}
	l := &Log{opts: opts, changed: make(chan struct{}, 1), wanted: map[string]bool{}, refused: map[string]int{}, reasons: map[int]string{}, tails: map[*tail]struct{}{}, upstreams: map[string]hub.Upstream{}}
	for i, text := range opts.Origins {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("followlog: origin %d is not a URL such as https://live.example.com, without user, query and fragment", i+1)
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
		l.origins = append(l.origins, u)
	}
	if opts.Client == nil {
		l.opts.Client = http.DefaultClient
	}
	if opts.Token == nil {
		l.opts.Token = func() (string, error) { return "", nil }
	}
	if opts.MaxDocument == 0 {
		l.opts.MaxDocument = hub.DefaultMaxData
	}
	if opts.Streams == nil {
		l.opts.Streams = func([]line.Stream) {}
	}
	if opts.Clock == nil {
		l.opts.Clock = func(time.Duration) {}
	}
	if opts.Lost == nil {
		l.opts.Lost = func(bool) {}
	}
	if opts.Random == nil {
		l.opts.Random = rand.Float64
	}
	if opts.Logger == nil {
		l.opts.Logger = slog.Default()
	}
	return l, nil
}

// Stats is what a Log has counted, and what it knows now.
type Stats struct {
	Origins   []string // their hosts
	Connected int      // the index of the origin that is read, or -1
	Lost      bool     // see Options.Lost
	Reason    string   // why an origin was not followed since there was one, in words for operators
	Path      []string // the nodes from the origin up to the one that polls
	Connects  uint64   // connections that began
	Broken    uint64   // lines that were skipped
	Behind    uint64   // by how many positions the origin is ahead of what was read
}

// Stats returns the current state.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	stats := Stats{
		Connected: -1, Lost: l.lost.Load(), Path: l.path,
		Connects: l.connects.Load(), Broken: l.broken.Load(),
	}
	for i, u := range l.origins {
		stats.Origins = append(stats.Origins, u.Host)
		stats.Reason = cmp.Or(stats.Reason, l.reasons[i])
	}
	if l.session != "" {
		stats.Connected = l.at
	}
	if head, read := l.head.Load(), l.read.Load(); head > read {
		stats.Behind = head - read
	}
	return stats
}

// Upstreams returns what the origin says of the sources of streams and of wanted keys.
func (l *Log) Upstreams() []hub.Upstream {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]hub.Upstream, 0, len(l.upstreams))
	for _, u := range l.upstreams {
		list = append(list, u)
	}
	return list
}

// UpstreamOf returns what the origin says of the source of one stream or key.
func (l *Log) UpstreamOf(name string) (hub.Upstream, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u, ok := l.upstreams[name]
	return u, ok
}

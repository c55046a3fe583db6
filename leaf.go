package pollux

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/followlog"
	"github.com/polluxhub/pollux/hub/followlog/line"
	"github.com/polluxhub/pollux/hub/markup"
)

// ErrFollows is returned by SetStreams of a Pollux with Options.Follow.
var ErrFollows = errors.New("pollux: it follows another one, which has the streams")

const (
	// leafIdle is how long a key stays at a leaf that nobody listens to there. The origin keeps
	// it longer.
	leafIdle = 5 * time.Second

	// awaitTimeout bounds how long a publisher waits until the document has come back.
	awaitTimeout = 2 * time.Second
)

// Follow says whom a leaf follows.
type Follow struct {
	// Origins are the URLs of those to read from, such as https://live.example.com: the
	// poller, other leaves of it, or a load balancer before them. One is read at a time, and
	// another one when it fails.
	Origins []string

	// Token returns the bearer token that the origin wants, "" for none. It is asked for each
	// request, and must be safe for concurrent use. Nil means none.
	Token func() (string, error)

	// Client sends the requests. It must have no Timeout. Nil means one with the
	// certificates of the system.
	Client *http.Client
}

// leaf is what a Pollux that follows another one has beside everything else.
type leaf struct {
	pollux *Pollux
	log    *followlog.Log
	demand *demand

	settled atomic.Bool               // the streams are known
	lost    atomic.Pointer[time.Time] // since when the origin is lost; nil if it is not
}

func newLeaf(p *Pollux) (*leaf, error) {
	l := &leaf{pollux: p, demand: newDemand(p)}
	client := p.opts.Follow.Client
	if client == nil {
		client = &http.Client{}
	}
	client = &http.Client{
		Transport: client.Transport, Jar: client.Jar,
		// The token is for the origin alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var err error
	l.log, err = followlog.New(followlog.Options{
		Origins: p.opts.Follow.Origins, Token: p.opts.Follow.Token, Client: client, Node: p.node, MaxDocument: int(p.maxBody()),
		Streams: l.setStreams, Lost: l.setLost, Clock: func(offset time.Duration) { p.hub.SetOffset(offset) }, Logger: p.log,
	})
	return l, err
}

// setStreams makes the streams those of the origin.
func (l *leaf) setStreams(list []line.Stream) {
	streams := make([]Stream, 0, len(list))
	for _, one := range list {
		s := Stream{
			Name: one.Name, History: one.History, HistoryBytes: one.HistoryBytes, ReplayEvents: one.ReplayEvents, ReplayBytes: one.ReplayBytes,
			Key: one.Key, followed: &one,
		}
		s.Replay, _ = hub.ParseReplay(one.Replay) // one of its words, or that of a newer origin
		if one.Keys != nil {
			match, err := hub.NewKeyPattern(one.Keys.Match)
			if err != nil {
				l.pollux.log.Error("stream of the origin not followed", "stream", one.Name, "error", err)
				continue
			}
			s.Keys = &hub.KeyOptions{Match: match, Max: one.Keys.Max, Idle: leafIdle}
		}
		if one.Template != "" {
			var err error
			if s.Template, err = markup.New(one.Template, markup.Options{MaxBytes: int(l.pollux.maxBody())}); err != nil {
				l.pollux.log.Error("stream of the origin has no HTML here", "stream", one.Name, "error", err)
			}
		}
		streams = append(streams, s)
	}
	change, err := l.pollux.setStreams(streams, func() {})
	if err != nil {
		l.pollux.log.Error("streams of the origin not followed", "error", err)
		return
	}
	l.pollux.log.Info("streams of the origin", "added", len(change.Added), "removed", len(change.Removed))
	l.settled.Store(true)
	l.demand.renew()
}

// setLost tells the clients whether the origin is there.
func (l *leaf) setLost(lost bool) {
	if !lost {
		l.lost.Store(nil)
		l.pollux.hub.Override(nil)
		return
	}
	since := time.Now()
	l.lost.Store(&since)
	l.pollux.hub.Override(func(stream string) hub.Status {
		u, _ := l.log.UpstreamOf(stream)
		return l.statusOf(u)
	})
}

// statusOf returns the status of a stream with this upstream. One whose origin is lost is stale,
// unless it was down before.
func (l *leaf) statusOf(u hub.Upstream) hub.Status {
	since := l.lost.Load()
	if since == nil || u.State == hub.Down {
		return u.Status
	}
	return hub.Status{State: hub.Stale, Since: *since, LastSuccess: u.LastSuccess, Error: hub.ErrorOrigin}
}

func (l *leaf) upstreams() []hub.Upstream {
	list := l.log.Upstreams()
	for i := range list {
		list[i].Status = l.statusOf(list[i])
	}
	return list
}

func (l *leaf) upstreamOf(name string) (hub.Upstream, bool) {
	u, ok := l.log.UpstreamOf(name)
	u.Status = l.statusOf(u)
	return u, ok
}

// isUnsettled reports whether the streams are not known yet.
func (l *leaf) isUnsettled() bool { return !l.settled.Load() }

// isConnected reports whether the origin is there.
func (l *leaf) isConnected() bool { return l.settled.Load() && l.lost.Load() == nil }

// publish has the origin publish a document, with the token of this leaf.
func (l *leaf) publish(ctx context.Context, m hub.Message) (hub.ID, error) {
	id, err := l.log.Append(ctx, m)
	if err == nil && !id.IsZero() {
		l.await(ctx, id)
	}
	return id, err
}

// await waits until a document that was published has come back, for a while: that of a key
// comes only if somebody listens to it here.
func (l *leaf) await(ctx context.Context, id hub.ID) {
	ctx, cancel := context.WithTimeout(ctx, awaitTimeout)
	defer cancel()
	l.pollux.hub.Await(ctx, id)
}

// forward answers those who publish or want a poll.
func (l *leaf) forward() http.Handler { return l.log.Forward(l.pollux.maxBody(), l.await) }

// following says who this node is, and whom it follows.
func (p *Pollux) following() handlers.Following {
	here := handlers.Following{Node: p.node, Path: []string{p.node}}
	if p.leaf != nil {
		here.Path = append(here.Path, p.leaf.log.Stats().Path...)
		here.Lost = !p.leaf.isConnected()
	}
	return here
}

// maxTemplates bounds the templates that leaves are told, in bytes: the list of streams is one
// line. Streams whose templates are beyond it have no HTML there.
const maxTemplates = 4 << 20

// followed says what a leaf has to know of the streams.
func (p *Pollux) followed() []line.Stream {
	set := p.streams.Load()
	list := make([]line.Stream, len(set.history))
	told := 0
	for i, o := range set.history {
		list[i] = line.Stream{
			Name: o.Name, Polled: set.sources[o.Name], OnDemand: set.onDemand[o.Name],
			History: o.History, HistoryBytes: o.HistoryBytes,
			Replay: o.Replay.String(), ReplayEvents: o.ReplayEvents, ReplayBytes: o.ReplayBytes,
			Key: set.keys[o.Name].String(),
		}
		if t := set.templates[o.Name]; t != nil && told+len(t.Text()) <= maxTemplates {
			told += len(t.Text())
			list[i].Template = t.Text()
		}
		if o.Keys != nil {
			list[i].Keys = &line.Keys{Match: o.Keys.Match.String(), Max: o.Keys.Max}
		}
	}
	return list
}

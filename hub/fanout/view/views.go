package view

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
	"unique"

	"golang.org/x/time/rate"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/markup"
)

// Options configure Views. Each of them must be set.
type Options struct {
	MaxViewsOfOne int                                  // of one address; 0 means a quarter of MaxViews
	MaxViews      int                                  // different views with fields that are in use at once
	CacheBytes    int                                  // size of the cache
	Key           func(stream string) document.Pointer // what identifies elements of arrays, see delta.Options
	Template      func(stream string) *markup.Template // what renders its documents as HTML; nil for a stream without HTML
	Logger        *slog.Logger                         // gets a record when comparing documents panics, and when a template fails
}

// Views are the views in use, with what is made for their clients.
type Views struct {
	cache    cache
	registry registry

	plain, named Encoder // of all clients that get whole documents, uncompressed
}

// New returns Views of which none is in use. It starts nothing.
func New(opts Options) *Views {
	v := &Views{
		cache:    cache{limit: opts.CacheBytes, logger: opts.Logger, complain: rate.Sometimes{Interval: complainEvery}},
		registry: newRegistry(opts),
	}
	v.plain, v.named = Encoder{views: v}, Encoder{views: v, named: true}
	return v
}

// complainEvery is how often the log tells of templates that fail, at most.
const complainEvery = 10 * time.Second

// Client is what decides the bytes that a client gets.
type Client struct {
	Stream  string // the first one that the client follows: its template tells resets
	View    View
	Named   bool       // the client follows several streams, so each event bears a name
	Gzip    bool       // the stream is one gzip member
	Address netip.Addr // clients of one address have a share of the different views
}

// Encoder returns the encoder for a client. Its Close must be called. Clients that get
// whole documents, uncompressed, share one: it remembers nothing. Errors: ErrInvalid,
// ErrTooMany, ErrTooManyOfOne.
func (v *Views) Encoder(c Client) (*Encoder, error) {
	viewer, err := v.registry.acquire(c.View, c.Named, c.Address)
	if viewer != nil && viewer.HTML {
		viewer.stream = unique.Make(c.Stream).Value() // it shares no memory with the request
	}
	switch {
	case err != nil:
		return nil, err
	case viewer == nil && !c.Gzip && c.Named:
		return &v.named, nil
	case viewer == nil && !c.Gzip:
		return &v.plain, nil
	}
	return &Encoder{views: v, viewer: viewer, named: viewer == nil && c.Named, gzip: c.Gzip}, nil
}

// Start starts n workers. stop ends them, waits for them, and tells everybody who still
// waits for an entry to make it without a worker.
func (v *Views) Start(n int) (stop func()) { return v.cache.start(n) }

// Clear empties the cache.
func (v *Views) Clear() { v.cache.clear() }

// Part returns the parts of a document that p picks. They must not be modified. The
// document is parsed once for all callers and views, and the parts are kept in the cache.
// Workers do large work, while they run. The error is ctx's.
func (v *Views) Part(ctx context.Context, event *hub.Event, p document.Projection) ([]byte, error) {
	if p.String() == "" {
		return event.Data(), nil
	}
	part, err := v.await(ctx, partKey(event, p), inputs{fields: p})
	if err != nil {
		return nil, err
	}
	return part.([]byte), nil //nolint:forcetypeassert // see kind
}

// await returns what the key stands for, made by a worker where that is much work and
// workers run. The error is ctx's.
func (v *Views) await(ctx context.Context, k key, in inputs) (any, error) {
	var made Signal
	var w Waiter // nil at first: most of it is there already
	for {
		e, ok := v.cache.want(k, in, w)
		switch {
		case ok:
			return e.value, nil
		case w == nil:
			made = make(Signal, 1)
			w = made
			continue
		}
		select {
		case <-made:
		case <-ctx.Done():
			v.cache.cancel(e, w)
			return nil, ctx.Err()
		}
		if e.made.Load() { // the cache may have dropped it already
			return e.value, nil
		}
	}
}

// Stats are the figures of the moment.
type Stats struct {
	Views    int    // different views in use, whole documents not counted
	Bytes    int    // size of the cache
	Made     uint64 // entries that were ever made
	Failures uint64 // documents, statuses and resets that a template failed at
	Workers  int    // that work now
}

// Stats returns the figures of the moment.
func (v *Views) Stats() Stats {
	stats := v.cache.stats()
	stats.Views = v.registry.count()
	return stats
}

package view

import (
	"log/slog"
	"net/netip"

	"github.com/polluxhub/pollux/hub/document"
)

// Options configure Views. Each of them must be set.
type Options struct {
	// MaxViews bounds how many different views with fields clients may have at once.
	MaxViews int

	// CacheBytes bounds the cache.
	CacheBytes int

	// Key returns the JSON Pointer to the member that tells the elements of a stream's
	// arrays apart, or the zero Pointer, see delta.Options. It is called from many
	// goroutines.
	Key func(stream string) document.Pointer

	// Logger hears of documents that cannot be compared because of a panic.
	Logger *slog.Logger
}

// Views are the views in use, with what is made for their clients.
type Views struct {
	cache    cache
	registry registry
}

// New returns Views of which none is in use. It starts nothing.
func New(opts Options) *Views {
	return &Views{cache: cache{limit: opts.CacheBytes}, registry: newRegistry(opts)}
}

// Client is what decides the bytes that a client gets.
type Client struct {
	View    View
	Named   bool       // the client follows several streams, so each event bears a name
	Gzip    bool       // the stream is one gzip member
	Address netip.Addr // clients of one address have a share of the different views
}

// Encoder returns the encoder for a client. Its Close must be called. Errors:
// ErrInvalid, ErrTooMany.
func (v *Views) Encoder(c Client) (Encoder, error) {
	viewer, err := v.registry.acquire(c.View, c.Named, c.Address)
	return Encoder{views: v, viewer: viewer, named: viewer == nil && c.Named, gzip: c.Gzip}, err
}

// Start starts n workers. stop ends them, waits for them, and tells everybody who still
// waits for an entry to make it without a worker.
func (v *Views) Start(n int) (stop func()) { return v.cache.start(n) }

// Clear empties the cache.
func (v *Views) Clear() { v.cache.clear() }

// Stats are the figures of the moment.
type Stats struct {
	Views   int    // different views in use, whole documents not counted
	Bytes   int    // size of the cache
	Made    uint64 // entries that were ever made
	Workers int    // that work now
}

// Stats returns the figures of the moment.
func (v *Views) Stats() Stats {
	stats := v.cache.stats()
	stats.Views = v.registry.count()
	return stats
}

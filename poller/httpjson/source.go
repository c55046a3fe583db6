package httpjson

import (
	"bytes"
	"context"
	"io"

	"github.com/polluxhub/pollux/poller"
)

// Source gets one URL. Its methods are safe for concurrent use.
type Source struct {
	*client
	first hop
	turn  chan struct{} // holds a value while a fetch is in flight
}

var (
	_ poller.Source = (*Source)(nil)
	_ io.Closer     = (*Source)(nil)
)

// New returns a source. It connects to nothing. The error names all mistakes of
// the options, without quoting what may be a secret.
func New(opts Options) (*Source, error) {
	c, err := opts.check()
	if err != nil {
		return nil, err
	}
	return &Source{
		client: newClient(opts, c),
		first:  hop{url: c.url, method: c.method, body: bytes.Clone(opts.Body), home: true},
		turn:   make(chan struct{}, 1),
	}, nil
}

// Fetch gets the document. Every error is a *poller.Error, see the package
// comment. It waits while another Fetch is in progress.
func (s *Source) Fetch(ctx context.Context, since poller.Version) (poller.Reading, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return poller.Reading{}, s.failed(ctx, classifyRequest(ctx.Err(), phase{}))
	}
	return s.fetch(ctx, s.first, since)
}

// String returns the host and nothing that may be a secret.
func (s *Source) String() string { return "httpjson " + s.first.url.Host }

// GoString keeps %#v from showing the fields.
func (s *Source) GoString() string { return s.String() }

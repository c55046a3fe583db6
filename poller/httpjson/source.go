package httpjson

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// Source gets one URL. Its methods are safe for concurrent use.
type Source struct {
	first         hop
	header        http.Header // for the configured host
	plain         http.Header // for every other host
	redirectHosts []*url.URL
	respect       []Hint
	maxBody       int64
	client        *http.Client
	guard         *guard.Guard // nil with a Transport of the caller
	close         func()
	turn          chan struct{} // holds a value while a fetch is in flight

	requests, retries, redirects atomic.Uint64
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
	s := &Source{
		first:         hop{url: c.url, method: c.method, body: bytes.Clone(opts.Body), home: true},
		header:        c.header,
		plain:         c.plain,
		redirectHosts: c.redirectHosts,
		respect:       slices.Clone(opts.Respect),
		maxBody:       opts.MaxBody,
		close:         func() {},
		turn:          make(chan struct{}, 1),
	}
	if s.maxBody == 0 {
		s.maxBody = DefaultMaxBody
	}
	if opts.Respect == nil {
		s.respect = defaultHints
	}
	transport := opts.Transport
	if transport == nil {
		s.guard = guard.New(guard.Options{
			DenyPrivate:  opts.DenyPrivate,
			AllowPrivate: opts.AllowPrivate,
			Resolver:     opts.Resolver,
			Dial:         opts.Dial,
			Places:       opts.Places,
			CloseIdle:    func() { s.close() },
		})
		own := newTransport(s.guard, c.proxy)
		transport, s.close = own, own.CloseIdleConnections
	}
	s.client = &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // get follows redirects
		},
	}
	return s, nil
}

// Fetch gets the document. Every error is a *poller.Error, see the package
// comment. It waits while another Fetch is in progress.
func (s *Source) Fetch(ctx context.Context, since poller.Version) (poller.Reading, error) {
	began := time.Now()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return poller.Reading{}, s.failed(ctx, began, classifyRequest(ctx.Err(), phase{}))
	}
	if s.first.method != http.MethodGet {
		since = poller.Version{} // conditions have another meaning there: RFC 9110 section 13.1.2
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	response, seen, err := s.get(ctx, cancel, since)
	if err != nil {
		return poller.Reading{}, s.failed(ctx, began, err)
	}
	defer response.Body.Close()

	wait := waitOf(response.StatusCode, response.Header, s.respect, time.Now())
	reading, err := s.read(response, seen, setValidators(http.Header{}, since))
	if err != nil {
		err.Wait = wait
		return poller.Reading{}, s.failed(ctx, began, err)
	}
	reading.Wait = wait
	return reading, nil
}

// failed completes the error of a fetch that began at the given time.
func (s *Source) failed(ctx context.Context, began time.Time, err *poller.Error) error {
	if err.Class == classTimeout {
		var patience time.Duration
		if deadline, ok := ctx.Deadline(); ok && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			patience = deadline.Sub(began)
		}
		within(err, patience)
	}
	return err
}

// get returns the response at the end of all redirects.
func (s *Source) get(ctx context.Context, cancel context.CancelFunc, since poller.Version) (*http.Response, *watch, *poller.Error) {
	at, afterPublic := s.first, false
	for redirects := 0; ; redirects++ {
		of := ctx
		if afterPublic {
			of = guard.AfterPublic(ctx)
		}
		response, seen, err := s.exchange(of, cancel, at, since)
		if err != nil {
			return nil, nil, err
		}
		to, err := redirected(at.url, response)
		if err == nil && to == nil {
			return response, seen, nil
		}
		seen.drain(response.Body)
		_ = response.Body.Close() // it is not used
		if err != nil {
			return nil, nil, err
		}
		if redirects == maxRedirects {
			return nil, nil, fail(classRedirect, tooManyRedirects, nil)
		}
		if at, err = s.follow(at, to, response.StatusCode); err != nil {
			return nil, nil, err
		}
		s.redirects.Add(1)
		afterPublic = seen.public() // the guard then refuses private addresses
	}
}

// read makes a reading of the last response. If its body breaks off, its connection is
// closed.
func (s *Source) read(response *http.Response, seen *watch, conditional bool) (poller.Reading, *poller.Error) {
	switch {
	case response.StatusCode == http.StatusOK:
	case response.StatusCode == http.StatusNotModified && conditional:
		return poller.Reading{Unchanged: true}, nil
	default:
		seen.drain(response.Body)
		return poller.Reading{}, failStatus(response.StatusCode)
	}
	body, failure := readBody(response, s.maxBody)
	if failure != nil {
		seen.abandon()
		return poller.Reading{}, failure
	}
	reading := poller.Reading{Document: body}
	if s.first.method == http.MethodGet {
		reading.Version = validators(response.Header)
	}
	return reading, nil
}

// Close closes the connections that are kept for the next fetch. A later Fetch opens
// new ones. The caller's Transport is left alone. The error is always nil.
func (s *Source) Close() error {
	s.close()
	return nil
}

// Stats returns what has been counted so far.
func (s *Source) Stats() poller.SourceStats {
	stats := poller.SourceStats{Requests: s.requests.Load(), Retries: s.retries.Load(), Redirects: s.redirects.Load()}
	if s.guard != nil {
		stats.Refused = s.guard.Refused()
	}
	return stats
}

// String returns the host and nothing that may be a secret.
func (s *Source) String() string { return "httpjson " + s.first.url.Host }

// GoString keeps %#v from showing the fields.
func (s *Source) GoString() string { return s.String() }

package httpjson

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller"
)

// Source gets one URL. Its methods are safe for concurrent use.
type Source struct {
	url     string // without user
	host    string // of url; the only part that may be shown
	header  http.Header
	maxBody int64
	client  *http.Client
	close   func()
}

var _ poller.Source = (*Source)(nil)

// New returns a source. It connects to nothing. The error names all mistakes of
// the options, without quoting what may be a secret.
func New(opts Options) (*Source, error) {
	target, header, err := opts.check()
	if err != nil {
		return nil, err
	}
	s := &Source{
		url:     target.String(),
		host:    target.Host,
		header:  header,
		maxBody: opts.MaxBody,
		close:   func() {},
	}
	if s.maxBody == 0 {
		s.maxBody = DefaultMaxBody
	}
	transport := opts.Transport
	if transport == nil {
		own := newTransport()
		transport, s.close = own, own.CloseIdleConnections
	}
	s.client = &http.Client{Transport: transport, CheckRedirect: checkRedirect}
	return s, nil
}

// Fetch gets the document. Every error is a *poller.Error, see the package
// comment.
func (s *Source) Fetch(ctx context.Context, since poller.Version) (poller.Reading, error) {
	var handshake handshake
	request, err := http.NewRequestWithContext(handshake.trace(ctx), http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return poller.Reading{}, fail(classRequest, errors.New("the URL makes no request"))
	}
	request.Header = s.header.Clone()
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
		request.Header.Del("Host")
	}
	conditional := setValidators(request.Header, since)

	response, err := s.client.Do(request)
	if err != nil {
		return poller.Reading{}, classifyRequest(err, handshake.failed())
	}
	defer response.Body.Close()

	switch {
	case response.StatusCode == http.StatusOK:
	case response.StatusCode == http.StatusNotModified && conditional:
		return poller.Reading{Unchanged: true}, nil
	default:
		drain(response.Body)
		return poller.Reading{}, fail(fmt.Sprintf("http_%03d", response.StatusCode), nil)
	}
	body, err := readBody(response, s.maxBody)
	if err != nil {
		return poller.Reading{}, err
	}
	data, err := document.Compact(body)
	if err != nil {
		return poller.Reading{}, fail(classInvalidJSON, err)
	}
	return poller.Reading{Document: data, Version: validators(response.Header)}, nil
}

// Close closes the connections that are kept for the next fetch. A later Fetch
// opens new ones. A Transport of the caller's is left alone.
func (s *Source) Close() { s.close() }

// String returns the host and nothing that may be a secret.
func (s *Source) String() string { return "httpjson " + s.host }

// GoString keeps %#v from showing the fields.
func (s *Source) GoString() string { return s.String() }

// maxRedirects is how many redirects of one request are followed.
const maxRedirects = 3

// Reasons for which a redirect is not followed.
var (
	errTooManyRedirects = fmt.Errorf("more than %d redirects", maxRedirects)
	errOtherHost        = errors.New("redirect to another host or port")
	errDowngrade        = errors.New("redirect away from https")
	errOtherScheme      = errors.New("redirect to neither http nor https")
)

// checkRedirect refuses what leaves the host. Configured headers follow a
// redirect, and net/http would take an X-Api-Key to any host.
func checkRedirect(request *http.Request, via []*http.Request) error {
	from, to := via[len(via)-1].URL, request.URL
	switch {
	case len(via) > maxRedirects:
		return fail(classRedirect, errTooManyRedirects)
	case from.Scheme == "https" && to.Scheme != "https":
		return fail(classRedirect, errDowngrade)
	case to.Scheme != "http" && to.Scheme != "https":
		return fail(classRedirect, errOtherScheme)
	case !sameHost(from, to):
		return fail(classRedirect, errOtherHost)
	}
	// The URL may hold a secret, and a server has no need to be told it twice.
	request.Header.Del("Referer")
	return nil
}

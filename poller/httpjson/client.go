package httpjson

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// client sends requests and reads their answers. It is what a [Source] and a [Keyed] have
// in common.
type client struct {
	header        http.Header // for the configured host
	plain         http.Header // for every other host
	redirectHosts []*url.URL
	propagate     func(ctx context.Context, header http.Header)
	respect       []Hint
	accept        []int                     // statuses beside 200 and 203
	secrets       []string                  // see secretsOf
	files         map[string]*fresh[string] // see Options.HeaderFiles
	format        Format
	charset       string
	stripPrefix   string
	maxBody       int64
	cookies       *cookies                   // nil: none are kept
	entrance      entrance                   // nil: the host demands nothing that has to be fetched
	accepted      atomic.Pointer[credential] // with which the last document came
	asks          *client                    // for which this one sends the requests of its entrance, or nil
	find          [places]func() *way        // for the first fetch, and for one after Close

	mu   sync.Mutex
	ways [places]*way // nil before the first fetch, and after Close

	requests, retries, redirects, refused atomic.Uint64
}

// A request goes to the host of the URL, or to one to which a redirect leads. These are
// different ways if Options.TLS is for the former alone.
const (
	home = iota
	away
	places // how many these are
)

// newClient returns a client for the options, which were checked.
func newClient(opts Options, from checked) *client {
	c := &client{
		header:        from.header,
		plain:         from.plain,
		redirectHosts: from.redirectHosts,
		propagate:     opts.Propagate,
		respect:       slices.Clone(opts.Respect),
		accept:        slices.Clone(opts.AcceptStatus),
		secrets:       from.secrets,
		files:         from.files,
		format:        opts.Format,
		charset:       opts.Charset,
		stripPrefix:   opts.StripPrefix,
		maxBody:       opts.MaxBody,
	}
	if c.maxBody == 0 {
		c.maxBody = DefaultMaxBody
	}
	if opts.Respect == nil {
		c.respect = defaultHints
	}
	allow := slices.Clone(opts.AllowPrivate)
	for place, trust := range [places]TLS{home: opts.TLS} {
		switch {
		case place == away && opts.TLS == (TLS{}):
			// The way is the same.
		case opts.Transport != nil:
			theirs := &way{http: newHTTPClient(opts.Transport), close: func() {}}
			c.find[place] = func() *way { return theirs }
		case opts.Transports != nil:
			c.find[place] = func() *way { return opts.Transports.take(from.url, from.proxy, trust, opts.DenyPrivate, allow) }
		default:
			own := newWay(guard.Options{
				DenyPrivate:  opts.DenyPrivate,
				AllowPrivate: allow,
				Resolver:     opts.Resolver,
				Dial:         opts.Dial,
				Places:       opts.Places,
			}, from.proxy, trust, from.url.Hostname(), max(1, opts.Parallel))
			c.find[place] = func() *way { return own }
		}
	}
	if opts.Cookies || from.entry != nil {
		c.cookies = newCookies()
	}
	switch {
	case from.grant != nil:
		c.entrance = newTokens(from.grant, opts.Transports)
		c.entrance.client().asks = c
	case from.entry != nil:
		c.entrance = newSession(from.entry, c.cookies)
		c.entrance.client().asks = c
	}
	return c
}

// reach returns the way to a host, which is that of the URL or another one.
func (c *client) reach(isHome bool) *way {
	place := home
	if !isHome && c.find[away] != nil {
		place = away
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ways[place] == nil {
		c.ways[place] = c.find[place]()
	}
	return c.ways[place]
}

// fetch sends a request, follows its redirects and reads the answer. Every error is a
// *poller.Error.
func (c *client) fetch(ctx context.Context, first hop, since poller.Version) (poller.Reading, error) {
	if first.method != http.MethodGet {
		since = poller.Version{} // conditions have another meaning there: RFC 9110 section 13.1.2
	}
	ctx, cancel := context.WithCancel(guard.CountRefusals(ctx, &c.refused))
	defer cancel()
	got, err := c.ask(ctx, cancel, first, since)
	if err != nil {
		return poller.Reading{}, c.failed(ctx, err)
	}
	defer got.response.Body.Close()

	wait, said := waitOf(got.response.StatusCode, got.response.Header, c.respect, time.Now())
	reading, err := c.read(got, first.method, setValidators(http.Header{}, since))
	if err != nil {
		err.Wait, err.Said = wait, said
		return poller.Reading{}, c.failed(ctx, err)
	}
	reading.Wait, reading.Said, reading.Notice = wait, said, got.moved
	return reading, nil
}

// failed completes the error of a fetch.
func (c *client) failed(ctx context.Context, err *poller.Error) error {
	if err.Class == classTimeout {
		var patience time.Duration
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			patience = poller.TimeoutOf(ctx)
		}
		within(err, patience)
	}
	return err
}

// get returns the response at the end of all redirects.
func (c *client) get(ctx context.Context, cancel context.CancelFunc, first hop, since poller.Version) (arrival, *poller.Error) {
	at, afterPublic, moved := first, false, ""
	for redirects := 0; ; redirects++ {
		of := ctx
		if afterPublic {
			of = guard.AfterPublic(ctx)
		}
		response, seen, err := c.exchange(of, cancel, first, at, since) //nolint:bodyclose // the caller closes the last one, leave the others
		if err != nil {
			return arrival{}, err
		}
		got := arrival{response: response, seen: seen, home: at.home, redirects: redirects, moved: moved}
		to, err := redirected(at.url, response)
		if err == nil && to == nil {
			return got, nil
		}
		got.leave()
		if err != nil {
			return arrival{}, err
		}
		if redirects == maxRedirects {
			words := tooManyRedirects
			if c.cookies == nil && response.Header.Get("Set-Cookie") != "" {
				words += ", and they set a cookie, which cookies: true keeps"
			}
			return arrival{}, fail(classRedirect, words, nil)
		}
		if redirects == 0 {
			moved = c.movedWords(response.StatusCode, at.url, to)
		}
		if at, err = c.follow(first, at, to, response.StatusCode); err != nil {
			return arrival{}, err
		}
		c.redirects.Add(1)
		afterPublic = seen.public() // the guard then refuses private addresses
	}
}

// read makes a reading of the last response. If its body breaks off, its connection is
// closed.
func (c *client) read(got arrival, method string, conditional bool) (poller.Reading, *poller.Error) {
	response, seen := got.response, got.seen
	switch {
	case c.isDocument(response.StatusCode):
	case response.StatusCode == http.StatusNotModified && conditional:
		return poller.Reading{Unchanged: true}, nil
	default:
		start := seen.drain(response.Body)
		c.doubt(response.StatusCode)
		return poller.Reading{}, c.failStatus(response.StatusCode, response.Header, start, got.note)
	}
	if c.format == FormatJSON || c.format == "" {
		if media := mediaOf(response.Header); media == mediaEvents { // which has no end
			seen.abandon()
			return poller.Reading{}, fail(poller.ClassInvalidJSON, "the answer is not one JSON document: it is an event stream, which source: sse follows", nil)
		}
	}
	body, failure := c.readBody(response, seen)
	if failure != nil {
		seen.abandon()
		return poller.Reading{}, failure
	}
	converted, failure := c.convert(response.Header, body)
	if failure != nil {
		return poller.Reading{}, failure
	}
	reading := poller.Reading{Document: converted, Looks: func() string { return c.looks(response.Header, body) }}
	if method == http.MethodGet && response.StatusCode/100 == 2 { // a 304 says which 2xx would have come
		reading.Version = validators(response.Header)
	}
	return reading, nil
}

// doubt has the files of headers read again if an upstream does not accept what they had.
func (c *client) doubt(status int) {
	if status != http.StatusUnauthorized && status != http.StatusForbidden {
		return
	}
	for _, file := range c.files {
		file.forget()
	}
}

// isDocument reports whether the body of an answer with this status is the document. 203
// is 200 from a proxy that has changed something (RFC 9110 section 15.3.4).
func (c *client) isDocument(status int) bool {
	return status == http.StatusOK || status == http.StatusNonAuthoritativeInfo || slices.Contains(c.accept, status)
}

// Close closes the connections that are kept for the next fetch. A later Fetch opens
// new ones. Connections that others of the same Transports use, and the caller's
// Transport, are left alone. The error is always nil.
func (c *client) Close() error {
	c.mu.Lock()
	used := c.ways
	c.ways = [places]*way{}
	c.mu.Unlock()
	for _, way := range used {
		if way != nil {
			way.leave()
		}
	}
	if c.entrance != nil {
		c.entrance.stop()
	}
	return nil
}

// Stats returns what has been counted so far, requests for a token included.
func (c *client) Stats() poller.SourceStats {
	s := poller.SourceStats{Requests: c.requests.Load(), Retries: c.retries.Load(), Redirects: c.redirects.Load(), Refused: c.refused.Load()}
	if c.entrance != nil {
		more := c.entrance.client().Stats()
		s.Requests, s.Retries, s.Redirects = s.Requests+more.Requests, s.Retries+more.Retries, s.Redirects+more.Redirects
	}
	return s // refusals are counted by the fetch, whatever it asks
}

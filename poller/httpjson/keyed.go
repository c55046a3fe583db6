package httpjson

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/polluxhub/pollux/poller"
)

// Keyed gets a URL with a place for keys, see [CheckTemplate]. Its methods are safe for
// concurrent use, and it sends as many requests at once as it is asked for.
type Keyed struct {
	*client
	request request
	method  string
	address *url.URL // of a key that nobody asks for: its host is that of every request
}

var (
	_ poller.KeySource = (*Keyed)(nil)
	_ io.Closer        = (*Keyed)(nil)
)

// NewKeyed returns a source whose Options.URL or Options.Body have places for keys.
// batch says that one request asks for several keys. It connects to nothing. The error
// names all mistakes of the options, without quoting what may be a secret.
func NewKeyed(opts Options, batch bool) (*Keyed, error) {
	wanted, wrong := newRequest(opts.URL, string(opts.Body), opts.contentType(), batch)
	if wrong == nil {
		wrong = opts.checkNoPlace()
	}
	if wrong != nil {
		return nil, &worded{"httpjson: " + wrong.Error(), wrong}
	}
	opts.URL = wanted.url.expand([]string{"k"})
	c, err := opts.check()
	if err != nil {
		return nil, err
	}
	return &Keyed{client: newClient(opts, c), request: wanted, method: c.method, address: c.url}, nil
}

// FetchKeys gets the answer for these keys. Every error is a *poller.Error, see the
// package comment.
func (k *Keyed) FetchKeys(ctx context.Context, keys []string, since poller.Version) (poller.Reading, error) {
	for _, key := range keys {
		// As a segment of a path, these would lead to another path.
		if key == "" || key == "." || key == ".." {
			return poller.Reading{}, fail(classError, "no request can be made of a key", nil)
		}
	}
	target, err := url.Parse(k.request.url.expand(keys))
	if err != nil || !sameHost(k.address, target) || target.Scheme != k.address.Scheme { // err quotes the URL
		return poller.Reading{}, fail(classError, "no request can be made of a key", nil)
	}
	target.User = nil // which is in the header
	first := hop{url: target, method: k.method, home: true}
	if body := k.request.body.expand(keys); body != "" {
		first.body = []byte(body)
	}
	return k.fetch(ctx, first, since)
}

// String returns the host and nothing that may be a secret.
func (k *Keyed) String() string { return "httpjson " + k.address.Host }

// GoString keeps %#v from showing the fields.
func (k *Keyed) GoString() string { return k.String() }

// contentType returns the Content-Type of the body; empty means the default.
func (o Options) contentType() string {
	for name, values := range o.Header {
		if http.CanonicalHeaderKey(name) == "Content-Type" && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// checkNoPlace returns an error if a header has a place for keys.
func (o Options) checkNoPlace() error {
	for name, values := range o.Header {
		for _, value := range values {
			if strings.Contains(value, placeOfKey) || strings.Contains(value, placeOfKeys) {
				return &worded{"the header " + http.CanonicalHeaderKey(name) + " cannot be a template: keys stand in the URL or in the body", nil}
			}
		}
	}
	return nil
}

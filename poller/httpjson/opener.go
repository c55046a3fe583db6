package httpjson

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// Opener sends the request of a [Source] for an answer that has no end, of which a caller
// makes documents. Redirects, guard, connections, limits on headers, and errors are those of
// a Source. Its methods are safe for concurrent use.
type Opener struct {
	*client
	first hop
	media string
}

// NewOpener returns an opener for answers of a media type, which has no parameters. It
// connects to nothing. The error is that of [New]. AcceptStatus and Charset have no effect.
func NewOpener(opts Options, media string) (*Opener, error) {
	c, err := opts.check()
	if err != nil {
		return nil, err
	}
	for _, header := range []http.Header{c.header, c.plain} {
		if header.Get("Accept") == defaultAccept {
			header.Set("Accept", media)
		}
		setDefault(header, "Cache-Control", "no-cache")
	}
	return &Opener{
		client: newClient(opts, c),
		first:  hop{url: c.url, method: c.method, body: bytes.Clone(opts.Body), home: true},
		media:  media,
	}, nil
}

// Open sends the request with further headers, which also the hosts get to which a redirect
// leads. It returns the answer as soon as its headers have come. ctx bounds the time until
// then, and no more. heard is called, by the goroutine that reads the answer, each time that
// something has come. Every error is a *poller.Error.
func (o *Opener) Open(ctx context.Context, further http.Header, heard func()) (*Answer, error) {
	life, end := context.WithCancelCause(guard.CountRefusals(context.WithoutCancel(ctx), &o.refused))
	living := caused{life}
	cancel := func() { end(context.Canceled) }
	stop := context.AfterFunc(ctx, func() { end(ctx.Err()) })
	first := o.first
	first.further = further
	got, failure := o.ask(living, cancel, first, poller.Version{})
	if failure != nil {
		cancel()
		stop()
		return nil, o.failed(ctx, failure)
	}
	a := &Answer{client: o.client, response: got.response, seen: got.seen, note: got.note, heard: heard, cancel: cancel}
	a.Notice = got.moved
	a.Wait, a.Said = waitOf(got.response.StatusCode, got.response.Header, o.respect, time.Now())
	failure = a.check(o.media)
	if !stop() && failure == nil { // the time was over at the last moment
		failure = classifyRequest(ctx.Err(), phase{connected: true})
	}
	if failure != nil {
		_ = a.Close() // it is not used
		failure.Wait, failure.Said = a.Wait, a.Said
		return nil, o.failed(ctx, failure)
	}
	return a, nil
}

// caused is a context whose error is that of the context that has ended it: the end of a time
// is not a cancellation.
type caused struct{ context.Context }

func (c caused) Err() error {
	if c.Context.Err() == nil {
		return nil
	}
	return context.Cause(c.Context)
}

// Answer is an answer that has no end. Read must be called from one goroutine; Close may be
// called from another one meanwhile.
type Answer struct {
	Wait   time.Duration // as in poller.Reading
	Said   string
	Notice string

	client   *client
	response *http.Response
	seen     *watch
	note     string // see arrival
	heard    func()
	cancel   func()
	body     io.Reader // unpacked; nil before the first Read
	close    sync.Once
}

// check returns why the answer is not what was asked for.
func (a *Answer) check(media string) *poller.Error {
	status, header := a.response.StatusCode, a.response.Header
	if status != http.StatusOK {
		start := a.seen.drain(a.response.Body)
		a.client.doubt(status)
		return a.client.failStatus(status, header, start, a.note)
	}
	switch encoding := encodingOf(header); encoding {
	case "", "identity", "gzip", "x-gzip":
	default:
		return a.client.failEncoding(encoding)
	}
	if mediaOf(header) == media {
		return nil
	}
	start := make([]byte, mostQuoted)
	n, _ := a.response.Body.Read(start) // an error is no worse than the wrong type
	return fail(classFormat, fmt.Sprintf("the answer is not %s: %s", media, a.client.looks(header, start[:n])), nil)
}

// Read reads the answer, unpacked. Its errors are for Failure.
func (a *Answer) Read(p []byte) (int, error) {
	if a.body == nil {
		a.body = &audible{a.seen.hearing(a.response.Body), a.heard}
		if strings.HasSuffix(encodingOf(a.response.Header), "gzip") {
			unpacked, err := gzip.NewReader(a.body)
			if err != nil {
				return 0, err
			}
			a.body = unpacked
		}
	}
	return a.body.Read(p)
}

// audible is a reader that tells when something has come.
type audible struct {
	io.Reader
	heard func()
}

func (r *audible) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.heard()
	}
	return n, err
}

// Failure returns the *poller.Error for an error of Read.
func (*Answer) Failure(err error) error {
	if isTimeout(err) {
		return fail(classTimeout, "the connection is dead", err)
	}
	return classifyBody(err, 0, "")
}

// TooLarge returns the error for a document that is larger than Options.MaxBody.
func (a *Answer) TooLarge() error { return tooLarge(a.client.maxBody, 0) }

// Document makes JSON of a part of the answer that is a document, by StripPrefix and Format.
// Every error is a *poller.Error.
func (a *Answer) Document(part []byte) (poller.Reading, error) {
	if int64(len(part)) > a.client.maxBody {
		return poller.Reading{}, a.TooLarge()
	}
	converted, failure := a.client.convert(http.Header{}, part)
	if failure != nil {
		return poller.Reading{}, failure
	}
	return poller.Reading{Document: converted, Looks: func() string {
		if begins := a.client.quote(part); begins != "" {
			return "it" + strings.TrimPrefix(begins, ", and")
		}
		return fmt.Sprintf("it has %d bytes", len(part))
	}}, nil
}

// Close ends the connection of the answer, or the part of it that belongs to the answer. The
// error is always nil.
func (a *Answer) Close() error {
	a.close.Do(func() {
		a.cancel()
		_ = a.response.Body.Close() // what is not read does not matter
	})
	return nil
}

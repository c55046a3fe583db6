package httpjson

import (
	"context"
	"net/http"

	"github.com/polluxhub/pollux/poller"
)

// entrance is how a client gets what the host of the URL demands beside headers that are
// configured. Its methods are safe for concurrent use.
type entrance interface {
	// enter returns the credential. stale is one that the host has not accepted, or nil, and
	// worked that it has accepted it before. It is returned itself if a new one would be no
	// better.
	enter(ctx context.Context, stale *credential, worked bool) (*credential, *poller.Error)

	// rejects reports whether an answer, or the failure to get one, says that the credential
	// is not accepted.
	rejects(got arrival, failure *poller.Error) bool

	// secrets returns what must not be quoted.
	secrets() []string

	// client sends the requests for it.
	client() *client

	// stop notes that the client has no use for it until the next enter.
	stop()
}

// arrival is the response at the end of all redirects.
type arrival struct {
	response  *http.Response
	seen      *watch
	home      bool   // the request had the configured headers
	redirects int    // that led there
	moved     string // see client.movedWords
	note      string // what an operator is told of the credential
}

// leave gives up the response, which is not used.
func (a arrival) leave() {
	if a.response == nil { // none came
		return
	}
	a.seen.drain(a.response.Body)
	_ = a.response.Body.Close() // it is not used
}

// ask gets the response to a request, with the credential that the host demands. If the host
// does not accept it, the request is sent once more with a new one.
func (c *client) ask(ctx context.Context, cancel context.CancelFunc, first hop, since poller.Version) (arrival, *poller.Error) {
	if c.entrance == nil {
		return c.get(ctx, cancel, first, since)
	}
	shown, failure := c.entrance.enter(ctx, nil, false)
	if failure != nil {
		return arrival{}, failure
	}
	first.header = shown.header
	got, failure := c.get(ctx, cancel, first, since)
	if !c.entrance.rejects(got, failure) {
		c.noteAccepted(shown, got, failure)
		return got, failure
	}
	newer, refusal := c.entrance.enter(ctx, shown, c.accepted.Load() == shown)
	if refusal != nil || newer != shown {
		got.leave()
	}
	switch {
	case refusal != nil:
		return arrival{}, refusal
	case newer != shown:
		first.header = newer.header
		got, failure = c.get(ctx, cancel, first, since)
	}
	if c.entrance.rejects(got, failure) {
		got.note = newer.note
	} else {
		c.noteAccepted(newer, got, failure)
	}
	return got, failure
}

// noteAccepted remembers a credential with which a document came.
func (c *client) noteAccepted(shown *credential, got arrival, failure *poller.Error) {
	if failure == nil && (got.response.StatusCode/100 == 2 || got.response.StatusCode == http.StatusNotModified) {
		c.accepted.Store(shown)
	}
}

package poller_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/poller"
)

// opening is one Open as the fake feed saw it.
type opening struct {
	At    time.Duration // since the feed was made
	After string
}

// feed is an upstream that sends what a test says.
type feed struct {
	said   poller.Reading // what it says at the opening
	origin string
	start  time.Time

	mu       sync.Mutex
	refuse   func(o opening) error // nil: every connection is accepted
	openings []opening
	open     *flow // the newest
	living   int   // connections that are open
	twice    bool  // there were two at a time
	closed   int   // calls of Close
}

func newFeed() *feed { return &feed{start: time.Now(), origin: "a"} }

func (f *feed) Open(ctx context.Context, after string, heard func()) (poller.Flow, error) {
	o := opening{time.Since(f.start), after}
	f.mu.Lock()
	f.openings = append(f.openings, o)
	refuse := f.refuse
	f.mu.Unlock()
	if refuse != nil {
		if err := refuse(o); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	fl := &flow{feed: f, heard: heard, steps: make(chan utterance), ended: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.living++
	f.twice = f.twice || f.living > 1
	f.open = fl
	return fl, nil
}

func (f *feed) Origin() string { return f.origin }

// Close notes that the feed is not used any more.
func (f *feed) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	f.twice = f.twice || f.living > 0
	return nil
}

// refuseBy says which connections are refused.
func (f *feed) refuseBy(refuse func(opening) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = refuse
}

// asked returns how the feed was opened so far.
func (f *feed) asked() []opening {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]opening(nil), f.openings...)
}

// flow returns the open connection.
func (f *feed) flow(t *testing.T) *flow {
	t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.living == 0 {
		t.Fatalf("%v: there is no connection", time.Since(f.start))
	}
	return f.open
}

func (f *feed) isOpen() bool {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.living > 0
}

// utterance is what Next returns. Neither means a comment.
type utterance struct {
	news poller.News
	err  error
	fail bool // panic
}

// flow is one connection.
type flow struct {
	feed  *feed
	heard func()
	steps chan utterance
	ended chan struct{}
	once  sync.Once
	read  int // steps that Next has returned; guarded by feed.mu
}

var errClosed = errors.New("closed")

func (f *flow) Opening() poller.Reading { return f.feed.said }

func (f *flow) Next() (poller.News, error) {
	for {
		select {
		case s := <-f.steps:
			f.heard()
			f.feed.mu.Lock()
			f.read++
			f.feed.mu.Unlock()
			switch {
			case s.fail:
				panic("a fault of the feed")
			case s.err != nil || s.news.Reading.Document != nil || s.news.Err != nil || s.news.Status != nil || s.news.Gap != "":
				return s.news, s.err
			}
		case <-f.ended:
			return poller.News{}, errClosed
		}
	}
}

func (f *flow) Close() error {
	f.once.Do(func() {
		f.feed.mu.Lock()
		f.feed.living--
		f.feed.mu.Unlock()
		close(f.ended)
	})
	return nil
}

// send has Next return something, and waits until it has been dealt with as far as it can be.
func (f *flow) send(s utterance) {
	f.steps <- s
	synctest.Wait()
}

func (f *flow) event(document string, id int) {
	f.send(utterance{news: poller.News{Reading: reading(document), ID: strconv.Itoa(id)}})
}

func (f *flow) comment() { f.send(utterance{}) }

// end ends the connection in order.
func (f *flow) end(id string, retry time.Duration) {
	f.send(utterance{news: poller.News{ID: id, Retry: retry}, err: io.EOF})
}

// following makes the stream follow a feed.
func following(f *feed) func(*poller.Options) {
	return func(o *poller.Options) { o.Streams[0].Source, o.Streams[0].Feed = nil, f }
}

package followlog

import (
	"context"
	"net/http"
	"time"

	"github.com/polluxhub/pollux/hub/followlog/line"
	"github.com/polluxhub/pollux/internal/backoff"
)

const (
	// gather is how long changes of demand wait for more, so that they share a request.
	gather = 20 * time.Millisecond

	// changeTimeout bounds a request that tells the origin what is wanted.
	changeTimeout = 10 * time.Second

	// askAgain is after how long a key is wanted again that the origin has refused once, and
	// askMost the longest time after it has done so several times in a row.
	askAgain = 5 * time.Second
	askMost  = 5 * time.Minute
)

// Demand is what the streams of this process want of the origin.
type Demand interface {
	// Changed returns a channel that holds a value when Take has something to return.
	Changed() <-chan struct{}

	// Take returns what is wanted now and was not before, and what is not wanted any more.
	// A key that has ended and is there again is in both.
	Take() (want, unwant []string)
}

// Run tells the origin what is wanted, until ctx ends.
func (l *Log) Run(ctx context.Context, demand Demand) error {
	for {
		select {
		case <-demand.Changed():
		case <-l.changed:
		case <-ctx.Done():
			return nil
		}
		select {
		case <-time.After(gather):
		case <-ctx.Done():
			return nil
		}
		change, session, origin, cut := l.next(demand.Take())
		if session != "" && len(change.Want)+len(change.Unwant) > 0 && !l.tell(ctx, origin, session, change) {
			cut() // the next connection begins with everything that is wanted
		}
	}
}

// next notes what is wanted, and returns what the connection has to be told, if there is one.
func (l *Log) next(want, unwant []string) (change line.Change, session string, origin int, cut func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range unwant {
		delete(l.wanted, name)
		delete(l.refused, name)
		delete(l.upstreams, name)
	}
	for _, name := range want {
		l.wanted[name] = true
		delete(l.told, name)
		for t := range l.tails {
			delete(t.begun, name)
		}
	}
	if l.session == "" {
		return line.Change{}, "", 0, nil
	}
	for name := range l.told {
		if !l.wanted[name] {
			change.Unwant = append(change.Unwant, name)
			delete(l.told, name)
		}
	}
	for name := range l.wanted {
		if !l.told[name] {
			change.Want = append(change.Want, name)
			l.told[name] = true
		}
	}
	return change, l.session, l.at, l.cut
}

// tell sends a change to the session.
func (l *Log) tell(ctx context.Context, origin int, session string, change line.Change) bool {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	resp, err := l.post(ctx, origin, "/api/follow/"+session, change)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // nothing is read
	return resp.StatusCode == http.StatusNoContent
}

// again wants a key once more after a while that the origin has refused. The while becomes
// longer with each refusal in a row.
func (l *Log) again(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.wanted[name] {
		return
	}
	if l.refused[name]++; l.refused[name] == 1 {
		l.opts.Logger.Warn("the origin refuses a key", "stream", name)
	}
	session, wait := l.session, backoff.New(askAgain, askMost, l.opts.Random).After(l.refused[name])
	time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.session == session { // another one was told of everything
			delete(l.told, name)
			l.wake()
		}
	})
}

// accepted notes that the origin has not refused a key.
func (l *Log) accepted(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.refused, name)
}

// wake makes Run look.
func (l *Log) wake() {
	select {
	case l.changed <- struct{}{}:
	default: // it will look anyway
	}
}

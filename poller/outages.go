package poller

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// outagesGap is the least time between two lines of the log about one class of failures.
const outagesGap = time.Minute

// maxNamed is how many classes of failures have a line of their own while any key fails.
// An upstream that makes up more gets one for all of them, as "other".
const maxNamed = 8

// outages is what fails among the keys of one stream. Where thousands of keys fail, it
// writes one line when the first one does, one for each other class, and one when none
// does any more, each at most once a minute. The zero value is no outage.
type outages struct {
	named   map[string]bool // the classes that are not "other", while any key fails
	failing map[string]int  // keys, by the class of their newest failure
	total   int
	reasons map[string]reason
	logged  map[string]time.Time // when a class was written, while any key fails
	since   time.Time            // when the first key failed; zero if none does
	ended   time.Time            // when the newest line about an end was written
}

// reason is the newest failure of a class, and the key of it.
type reason struct {
	key string
	err error
}

// change notes that the newest failure of a key is of another class; empty for none. It
// returns the class that the failure counts as.
func (o *outages) change(now time.Time, from, to string) string {
	if from != "" {
		if o.failing[from]--; o.failing[from] == 0 {
			delete(o.failing, from)
			delete(o.reasons, from)
		}
		o.total--
	}
	if to != "" {
		if o.failing == nil {
			o.named, o.logged = make(map[string]bool), make(map[string]time.Time)
			o.failing, o.reasons = make(map[string]int), make(map[string]reason)
		}
		switch {
		case o.named[to]:
		case len(o.named) < maxNamed:
			o.named[to] = true
		default:
			to = classOther
		}
		if o.total == 0 && o.since.IsZero() {
			o.since = now
		}
		o.failing[to]++
		o.total++
	}
	return to
}

// explain notes why a key failed.
func (o *outages) explain(class, key string, err error) { o.reasons[class] = reason{key, err} }

// review writes what has not been written.
func (o *outages) review(ctx context.Context, logger *slog.Logger, now time.Time) {
	for _, class := range slices.Sorted(maps.Keys(o.failing)) {
		if _, logged := o.logged[class]; logged {
			continue
		}
		if !o.ended.IsZero() && now.Sub(o.ended) < outagesGap {
			continue // the line about an end is still new
		}
		o.logged[class] = now
		why := o.reasons[class]
		attributes := []any{"reason", reasonOf(why.err), "class", class, "keys", o.failing[class], "key", why.key}
		if panicked, ok := errors.AsType[*panicError](why.err); ok {
			attributes = append(attributes, "stack", string(panicked.stack))
		}
		logger.WarnContext(ctx, "poll failed", attributes...)
	}
	switch {
	case o.total > 0 || o.since.IsZero():
	case len(o.logged) == 0: // nobody was told
		clear(o.named)
		o.since = time.Time{}
	default:
		for _, at := range o.logged {
			if now.Sub(at) < outagesGap {
				return
			}
		}
		logger.InfoContext(ctx, "poll recovered", "lasted", readable(now.Sub(o.since)).String())
		clear(o.logged)
		clear(o.named)
		o.since, o.ended = time.Time{}, now
	}
}

package view

import (
	"context"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// part returns the parts of a document that a view wants.
func (c *cache) part(e *hub.Event, fields document.Projection) []byte {
	if fields.String() == "" {
		return e.Data()
	}
	return c.get(partKey(e, fields), inputs{fields: fields}).([]byte) //nolint:forcetypeassert // see kind
}

func partKey(e *hub.Event, fields document.Projection) key {
	return key{kind: kindPart, event: e, text: fields.String()}
}

// Part returns the parts of a document that p picks. They must not be modified. The
// document is parsed once for all callers and views, and the parts are kept in the cache.
// Workers do large work, while they run. The error is ctx's.
func (v *Views) Part(ctx context.Context, event *hub.Event, p document.Projection) ([]byte, error) {
	if p.String() == "" {
		return event.Data(), nil
	}
	var made Signal
	var w Waiter // nil at first: most parts are there already
	for {
		e, ok := v.cache.want(partKey(event, p), inputs{fields: p}, w)
		switch {
		case ok:
			return e.value.([]byte), nil //nolint:forcetypeassert // see kind
		case w == nil:
			made = make(Signal, 1)
			w = made
			continue
		}
		select {
		case <-made:
		case <-ctx.Done():
			v.cache.cancel(e, w)
			return nil, ctx.Err()
		}
		if e.made.Load() { // the cache may have dropped it already
			return e.value.([]byte), nil //nolint:forcetypeassert // see kind
		}
	}
}

package pollux

import (
	"cmp"
	"context"
	"fmt"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// ErrPolled is returned by Publish, wrapped with the name, for a stream with a source:
// each stream has one publisher.
var ErrPolled = fmt.Errorf("pollux: %w", handlers.ErrPolled)

// Publish publishes a document to a stream, and returns when clients can get it, or
// when ctx has ended. If it waits because of AtMost of the stream, the ID is zero. An empty name means hub.DefaultStream. A []byte or json.RawMessage
// is the JSON document itself; encoding/json encodes any other value. The document is
// refused with hub.ErrTooLarge, wrapped, if it is larger than MaxBody of Options.HTTP.
func (p *Pollux) Publish(ctx context.Context, stream string, value any) (hub.ID, error) {
	name := cmp.Or(stream, hub.DefaultStream)
	if p.leaf == nil && p.isPolled(name) {
		return hub.ID{}, fmt.Errorf("%w: %q", ErrPolled, name)
	}
	text, err := document.Encode(value)
	if err != nil {
		return hub.ID{}, err
	}
	if most := p.maxBody(); int64(len(text)) > most {
		return hub.ID{}, fmt.Errorf("%w: %d bytes, want at most %d", hub.ErrTooLarge, len(text), most)
	}
	data, err := document.Compact(text)
	if err != nil {
		return hub.ID{}, err
	}
	return p.publisher().Publish(ctx, hub.Message{Stream: name, Data: data})
}

// maxBody is the size of the largest document that can be published, in bytes.
func (p *Pollux) maxBody() int64 { return cmp.Or(p.opts.HTTP.MaxBody, handlers.DefaultMaxBody) }

// publisher takes the documents that are published to streams that are not polled.
func (p *Pollux) publisher() handlers.Publisher { return (*publisher)(p) }

type publisher Pollux

// Publish publishes a document, unless its stream is polled. It looks at that, and
// publishes, before another set of streams is polled.
func (p *publisher) Publish(ctx context.Context, m hub.Message) (hub.ID, error) {
	if p.leaf != nil {
		return p.leaf.publish(ctx, m)
	}
	set := p.streams.Load()
	for !set.gate.enter() { // another set is in force already
		set = p.streams.Load()
	}
	defer set.gate.leave()
	if set.sources[streamOf(m.Stream)] {
		return hub.ID{}, fmt.Errorf("%w: %q", ErrPolled, m.Stream)
	}
	return p.latest.Publish(ctx, m)
}

// unpolled is the hub for documents that are published to streams which are not polled.
type unpolled Pollux

// Publish publishes a document, unless its stream is polled by now. A document that waits because of
// AtMost may come so late, if the log has stored nothing when the stream began to be polled: it would be
// the newest for ever, because the poller does not know of it.
func (p *unpolled) Publish(ctx context.Context, m hub.Message) (hub.ID, error) {
	if _, polled := p.poller.StatusOf(streamOf(m.Stream)); polled {
		return hub.ID{}, fmt.Errorf("%w: %q: %w", ErrPolled, m.Stream, hub.ErrSuperseded)
	}
	return p.hub.Publish(ctx, m)
}

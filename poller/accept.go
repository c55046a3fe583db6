package poller

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// accept publishes the document of a reading if it tells clients something new. It
// compares in three steps, the cheap ones first: the body with the hash of the
// previous body, the document made of it with the newest published document, and the
// same two by Same.
func (l *loop) accept(ctx context.Context, reading Reading) (changed bool, err error) {
	if reading.Unchanged {
		if l.published == nil {
			return false, &Error{Class: classNoDocument, Err: errors.New("the upstream answered that nothing has changed, but it has not sent a document yet")}
		}
		return false, nil
	}
	body := sha256.Sum256(reading.Document)
	if l.published != nil && body == l.bodyHash {
		l.since = reading.Version
		return false, nil
	}
	data, err := judged(ctx, &l.stream, reading)
	if err != nil {
		return false, err
	}
	holds := ttlOf(l.stream.TTL, data)
	data, err = shape(ctx, &l.stream, data)
	if err != nil {
		return false, err
	}
	same, err := isSameDocument(&l.stream, l.published, data)
	if err != nil {
		return false, err
	}
	if !same {
		within, end := l.trace(ctx, StepPublish, l.stream.Name)
		id, err := l.publish(within, hub.Message{Stream: l.stream.Name, Data: data, State: true, Seen: l.seen})
		end(failure(err, classOfPublish))
		if err != nil {
			// The message may have been stored nevertheless. So neither this
			// document nor the previous one is known to be what clients have.
			l.since, l.published = Version{}, nil
			return false, &Error{Class: classOfPublish(err), Err: &publishError{err}}
		}
		l.published, l.publishedID = data, id
	}
	l.since, l.bodyHash, l.ttl = reading.Version, body, holds
	return !same, nil
}

// judged returns the document of an answer if it is a success. This is where documents
// are made compact: see the package comment.
func judged(ctx context.Context, stream *Stream, reading Reading) ([]byte, error) {
	data, err := document.Compact(reading.Document)
	switch {
	case err != nil:
		return nil, &Error{Class: ClassInvalidJSON, Err: &notDocumentError{err, reading.Looks}}
	case stream.Judge == nil:
		return data, nil
	}
	ctx, cancel := context.WithTimeout(ctx, stream.Timeout)
	defer cancel()
	_, err = guarded("in the program of success", func() (struct{}, error) { return struct{}{}, stream.Judge(ctx, data) })
	return data, err
}

// shape returns the document to publish for a compact one.
func shape(ctx context.Context, stream *Stream, data []byte) ([]byte, error) {
	if stream.Reshape == nil {
		return data, nil
	}
	ctx, cancel := context.WithTimeout(ctx, stream.Timeout)
	defer cancel()
	shaped, err := guarded("in the program of select", func() ([]byte, error) { return stream.Reshape(ctx, data) })
	if err != nil {
		return nil, err
	}
	return compact(shaped)
}

// compact makes a document compact that is not an upstream's own.
func compact(data []byte) ([]byte, error) {
	data, err := document.Compact(data)
	if err != nil {
		return nil, &Error{Class: ClassInvalidJSON, Err: &notDocumentError{err: err}}
	}
	return data, nil
}

// isSameDocument reports whether the published document, which is nil if clients have
// none, says the same as another one.
func isSameDocument(stream *Stream, published, data []byte) (bool, error) {
	switch {
	case published == nil:
		return false, nil
	case bytes.Equal(data, published):
		return true, nil
	case stream.Same == nil:
		return false, nil
	default:
		return guarded("in comparing documents", func() (bool, error) { return stream.Same(published, data), nil })
	}
}

// publish hands a message to the publisher.
func (l *loop) publish(ctx context.Context, m hub.Message) (hub.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, l.stream.Timeout)
	defer cancel()
	return l.publisher.Publish(ctx, m)
}

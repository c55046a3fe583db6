package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// forgotten is how long a record is kept that nobody has changed: that of a node that is
	// gone, or of a stream that nobody has any more.
	forgotten = 30 * 24 * time.Hour

	// silence is how long nothing may be seen of a bucket, in which each node renews a record
	// all the time, before it is looked at anew.
	silence = DefaultTTL
)

// errSilent ends a watch that tells nothing.
var errSilent = errors.New("lease: nothing is seen of the bucket")

// Bucket is a Store in a bucket of NATS JetStream, which is made when it is first needed.
type Bucket struct {
	link     *Link
	name     string
	replicas int
	turn     chan jetstream.KeyValue // holds the bucket, nil before it was found, while nobody looks for it
}

var _ Store = (*Bucket)(nil)

// NewBucket returns the bucket of this name. If it is made, so many servers keep it.
func NewBucket(link *Link, name string, replicas int) *Bucket {
	b := &Bucket{link: link, name: name, replicas: replicas, turn: make(chan jetstream.KeyValue, 1)}
	b.turn <- nil
	return b
}

// open returns the bucket.
func (b *Bucket) open(ctx context.Context) (jetstream.KeyValue, error) {
	var kv jetstream.KeyValue
	select {
	case kv = <-b.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { b.turn <- kv }()
	conn, err := b.link.Conn(ctx)
	if err != nil || kv != nil {
		return kv, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	found, err := js.KeyValue(ctx, b.name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		found, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: b.name, Description: "who polls which stream of Pollux", History: 1, TTL: forgotten,
			Storage: jetstream.FileStorage, Replicas: b.replicas,
		})
		if errors.Is(err, jetstream.ErrBucketExists) { // another node was faster
			found, err = js.KeyValue(ctx, b.name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lease: bucket %s: %w", b.name, err)
	}
	kv = found
	return kv, nil
}

// forget has the bucket looked for once more, because it may not be there any more.
func (b *Bucket) forget(ctx context.Context) {
	select {
	case <-b.turn:
		b.turn <- nil
	case <-ctx.Done():
	}
}

// Put implements Store.
func (b *Bucket) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	kv, err := b.open(ctx)
	if err != nil {
		return 0, err
	}
	next, err := kv.Update(ctx, key, value, revision)
	var api *jetstream.APIError
	switch {
	case err == nil:
		return next, nil
	case errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return 0, fmt.Errorf("%w: %w", ErrConflict, err)
	case ctx.Err() == nil:
		b.forget(ctx)
	}
	return 0, err
}

// Get implements Store.
func (b *Bucket) Get(ctx context.Context, key string) (Entry, error) {
	kv, err := b.open(ctx)
	if err != nil {
		return Entry{}, err
	}
	found, err := kv.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted):
		return Entry{}, nil
	case err != nil:
		return Entry{}, err
	}
	return Entry{Key: key, Value: found.Value(), Revision: found.Revision()}, nil
}

// Watch implements Store.
func (b *Bucket) Watch(ctx context.Context, emit func(Entry), ready func()) error {
	kv, err := b.open(ctx)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	late := time.AfterFunc(silence, stop)
	watcher, err := kv.WatchAll(watching)
	if !late.Stop() && err == nil {
		_ = watcher.Stop() // it has ended anyway
		err = errSilent
	}
	if err != nil {
		b.forget(ctx)
		return err
	}
	defer func() { _ = watcher.Stop() }() // which fails only if it has ended already
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for {
		select {
		case e, ok := <-watcher.Updates():
			switch {
			case !ok:
				b.forget(ctx)
				return errSilent
			case e == nil:
				ready()
			case e.Operation() == jetstream.KeyValuePut:
				emit(Entry{Key: e.Key(), Value: e.Value(), Revision: e.Revision()})
			default:
				emit(Entry{Key: e.Key(), Revision: e.Revision()})
			}
			quiet.Reset(silence)
		case <-quiet.C:
			b.forget(ctx)
			return errSilent
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

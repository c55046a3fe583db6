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

	// askFirst is after how long a question about the bucket is asked again for the first time. Each
	// time it is twice as long, up to askMost. Servers that have no leader yet never answer what they
	// are asked.
	askFirst = 500 * time.Millisecond
	askMost  = 2 * time.Second

	// watchFirst is how long it may take to begin a watch. Each time it is twice as long, up to silence.
	watchFirst = 2 * time.Second
)

// errSilent ends a watch that tells nothing.
var errSilent = errors.New("lease: nothing is seen of the bucket")

// Bucket is a Store in a bucket of NATS JetStream, which is made when it is first needed.
type Bucket struct {
	link     *Link
	name     string
	replicas int
	turn     chan jetstream.KeyValue // holds the bucket, nil before it was found, while nobody looks for it
	limit    time.Duration           // how long it may take to begin the next watch; of Watch
}

var _ Store = (*Bucket)(nil)

// NewBucket returns the bucket of this name. If it is made, so many servers keep it.
func NewBucket(link *Link, name string, replicas int) *Bucket {
	b := &Bucket{link: link, name: name, replicas: replicas, turn: make(chan jetstream.KeyValue, 1), limit: watchFirst}
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
	for wait := askFirst; ; wait = min(2*wait, askMost) {
		asking, enough := context.WithTimeout(ctx, wait)
		found, err := b.find(asking, js)
		isUnanswered := err != nil && asking.Err() != nil && ctx.Err() == nil
		enough()
		switch {
		case isUnanswered:
		case err != nil:
			return nil, fmt.Errorf("lease: bucket %s: %w", b.name, err)
		default:
			kv = found
			return kv, nil
		}
	}
}

// find returns the bucket. If the bucket does not exist, find makes it.
func (b *Bucket) find(ctx context.Context, js jetstream.JetStream) (jetstream.KeyValue, error) {
	found, err := js.KeyValue(ctx, b.name)
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return found, err
	}
	found, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: b.name, Description: "who polls which stream of Pollux", History: 1, TTL: forgotten,
		Storage: jetstream.FileStorage, Replicas: b.replicas,
	})
	if errors.Is(err, jetstream.ErrBucketExists) { // another node was faster
		return js.KeyValue(ctx, b.name)
	}
	return found, err
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
	late := time.AfterFunc(b.limit, stop)
	watcher, err := kv.WatchAll(watching)
	if !late.Stop() && err == nil {
		_ = watcher.Stop() // it has ended anyway
		err = errSilent
	}
	if err != nil {
		b.limit = min(2*b.limit, silence)
		b.forget(ctx)
		return err
	}
	b.limit = watchFirst
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

package hub

import (
	"context"
	"errors"
	"fmt"
)

// Publish stores m and returns the ID that the log gave it. It returns after the
// event has become part of this hub's history, so that the publisher can read it;
// so before Run it waits for Run. If ctx or the hub ends after m was stored, it
// returns the ID at once. The ID is zero if the log keeps m until it can store it. A key of
// a stream with KeyOptions.Pushed need not exist before. Errors: those of [Log.Append],
// ErrUnknownStream, ErrUnknownKey, ErrTooManyKeys, ErrTooLarge, ErrClosed.
func (h *Hub) Publish(ctx context.Context, m Message) (ID, error) {
	m.Stream = streamName(m.Stream)
	if err := h.admit(m); err != nil {
		return ID{}, err
	}
	id, err := h.opts.Log.Append(ctx, m)
	if err != nil {
		return ID{}, err
	}
	h.await(ctx, id)
	return id, nil
}

// PublishAll is Publish for each message in order, but waits only once. If the log is a
// [BatchLog], it stores them together, so that they reach the subscribers together. It
// returns the ID of each message, which is zero for one that was not stored, and the
// errors that say why; without one, the log keeps the message. After an error of the log no
// further message is stored.
func (h *Hub) PublishAll(ctx context.Context, list []Message) ([]ID, error) {
	var errs []error
	admitted := make([]Message, 0, len(list))
	places := make([]int, 0, len(list))
	for i, m := range list {
		m.Stream = streamName(m.Stream)
		if err := h.admit(m); err != nil {
			errs = append(errs, err)
			continue
		}
		admitted, places = append(admitted, m), append(places, i)
	}
	stored, err := h.appendAll(ctx, admitted)
	if err != nil {
		errs = append(errs, err)
	}
	if len(stored) > 0 {
		h.await(ctx, stored[len(stored)-1])
	}
	ids := make([]ID, len(list))
	for i, id := range stored {
		ids[places[i]] = id
	}
	return ids, errors.Join(errs...)
}

// appendAll stores messages until one fails.
func (h *Hub) appendAll(ctx context.Context, list []Message) (stored []ID, err error) {
	if log, ok := h.opts.Log.(BatchLog); ok {
		return log.AppendAll(ctx, list)
	}
	for _, m := range list {
		id, err := h.opts.Log.Append(ctx, m)
		if err != nil {
			return stored, err
		}
		stored = append(stored, id)
	}
	return stored, nil
}

// admit returns an error for a message that the hub does not hand to the log. It makes a
// key exist that exists by being published to.
func (h *Hub) admit(m Message) error {
	s, f, err := h.find(m.Stream)
	if err != nil {
		return err
	}
	if s == nil && !f.keys().Pushed {
		return unknownStream(m.Stream)
	}
	if len(m.Data) > h.opts.MaxData {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(m.Data), h.opts.MaxData)
	}
	h.mu.RLock()
	closed := h.closed
	h.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	if s == nil {
		return h.makeKey(m.Stream)
	}
	return nil
}

// Await returns when the event with the ID is part of this hub's history, or cannot be any
// more: ctx, the hub or the epoch has ended.
func (h *Hub) Await(ctx context.Context, id ID) { h.await(ctx, id) }

// AwaitBroadcast returns when every event that is part of this hub's history now was handed
// to its subscribers, which is a moment after Publish has returned. It returns an error if
// ctx ends first.
func (h *Hub) AwaitBroadcast(ctx context.Context) error {
	h.mu.RLock()
	batches := h.batches
	h.mu.RUnlock()
	return h.awaitProgress(ctx, func() bool { return h.toldBatches >= batches })
}

// await returns when the event with the ID was applied, or cannot be any more: ctx,
// the hub or the epoch has ended.
func (h *Hub) await(ctx context.Context, id ID) {
	if id.IsZero() {
		return
	}
	h.mu.RLock()
	epoch := h.epoch
	h.mu.RUnlock()
	_ = h.awaitProgress(ctx, func() bool {
		return h.epoch == id.epoch && h.head >= id.seq || h.epoch != epoch && h.epoch != id.epoch
	}) // an end of ctx is no error: the event is stored
}

// awaitProgress returns when reached, which is called under Hub.mu, says so, or the hub has
// ended. It returns an error if ctx ends first.
func (h *Hub) awaitProgress(ctx context.Context, reached func() bool) error {
	for {
		h.mu.Lock()
		if reached() || h.closed {
			h.mu.Unlock()
			return nil
		}
		if h.progress == nil {
			h.progress = make(chan struct{})
		}
		progress := h.progress
		h.mu.Unlock()
		select {
		case <-progress:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
